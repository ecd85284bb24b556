"""Reads what the Parquet writer wrote with pyarrow and, where it is installed, DuckDB, and compares all values.

    python check_written.py FOLDER    # of *.parquet with the rows of tests/engine/data/parquet_writer_test.cpp"""
import math, pathlib, sys
import pyarrow.parquet as pq

try:
    import duckdb
except ImportError:
    duckdb = None


def row_of(i):
    return {
        "id": f"row {i}",
        "note": None if i % 3 == 0 else "x" * (i % 50) + "ü",
        "kind": f"kind {i // 10 % 5}",
        "n": i * 1_000_000_007 - 5,
        "m": None if i < 100 else -i,
        "x": None if i % 7 == 2 else i / 8,
        "y": -0.0 if i % 2 == 0 else 1e300,
        "flag": i % 3 == 1,
        "maybe": None if i % 4 == 0 else i % 8 == 1,
    }


def same(a, b):
    return a == b and (not isinstance(a, float) or math.copysign(1, a) == math.copysign(1, b))


for path in sorted(pathlib.Path(sys.argv[1]).glob("*.parquet")):
    file = pq.ParquetFile(path, page_checksum_verification=True)
    rows = file.read().to_pylist()
    readings = {"pyarrow": rows}
    if duckdb is not None:
        cursor = duckdb.execute(f"select * from read_parquet('{path}')")
        names = [column[0] for column in cursor.description]
        readings["duckdb"] = [dict(zip(names, row)) for row in cursor.fetchall()]
    for who, found in readings.items():
        assert len(found) == file.metadata.num_rows, (path.name, who, len(found))
        for i, row in enumerate(found):
            expected = row_of(i)
            assert row.keys() == expected.keys() and all(same(row[k], expected[k]) for k in row), (path.name, who, i, row)
    for group in range(file.metadata.num_row_groups):
        for column in range(file.metadata.num_columns):
            about = file.metadata.row_group(group).column(column)
            values = [row[about.path_in_schema] for row in file.read_row_group(group).to_pylist()]
            values = [value for value in values if value is not None]
            assert about.statistics.null_count == file.metadata.row_group(group).num_rows - len(values)
            if values:
                assert about.statistics.min == min(values) and about.statistics.max == max(values), (path.name, about)
    if duckdb is not None and rows:  # bounds let whole groups be left out
        most = max(row["n"] for row in rows)
        assert duckdb.execute(f"select id from read_parquet('{path}') where n = {most}").fetchall() == [(rows[-1]["id"],)]
    print(f"{path.name}: {len(rows)} rows, {file.metadata.num_row_groups} groups, as {' and '.join(readings)} read them")
