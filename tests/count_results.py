"""Counts test cases from Meson's log of what really ran and prints one line: N passed, N failed, N skipped.
doctest programs count by case; a case that says "[skipped] reason" counts as skipped; a program that ended without doctest's summary
(crash, time-out) counts as one failure, any other program as one case by its exit code.
Usage: count_results.py testlog.json [MORE.json ...]; exit 1 when anything failed or nothing ran."""
import json
import re
import sys

SUMMARY = re.compile(r"\[doctest\] test cases:\s*(\d+) \|\s*(\d+) passed \|\s*(\d+) failed")
passed = failed = skipped = 0
reasons = {}
for path in sys.argv[1:]:
    try:
        lines = open(path, encoding="utf-8", errors="replace").readlines()
    except OSError as error:
        print(f"no test ran: {path}: {error.strerror}")
        failed += 1
        continue
    for line in lines:
        test = json.loads(line)
        output = test.get("stdout") or ""
        summary = SUMMARY.search(output)
        notes = re.findall(r"^\[skipped\] (.*)$", output, re.M)
        for note in notes:
            reasons[note] = reasons.get(note, 0) + 1
        if test["result"] == "SKIP":
            skipped += 1
        elif summary:
            passed += int(summary[2]) - len(notes)
            failed += int(summary[3])
            skipped += len(notes)
            if int(summary[3]) == 0 and test["result"] not in ("OK", "EXPECTEDFAIL"):
                failed += 1
        elif "[doctest]" in output or test["result"] != "OK":
            failed += 1
        else:
            passed += 1
for note, count in sorted(reasons.items()):
    print(f"skipped {count}: {note}")
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(1 if failed or not passed else 0)
