"""Whether mlcroissant (MLCommons) takes a croissant.json: prints each error and warning; exits 0 when there is none.
Usage: check_croissant.py croissant.json"""
import logging
import sys

import mlcroissant

logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(message)s")
try:
    dataset = mlcroissant.Dataset(jsonld=sys.argv[1])
except mlcroissant.ValidationError as error:
    sys.exit(str(error))
issues = dataset.metadata.ctx.issues
for text in sorted(issues.errors | issues.warnings):
    print(text)
fields = {field.id for record_set in dataset.metadata.record_sets for field in record_set.fields}
if "documents/text" not in fields:
    print("no field documents/text")
    sys.exit(1)
sys.exit(1 if issues.errors else 0)
