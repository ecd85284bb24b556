"""What pyarrow 26.0.1 reads from the files of apache/parquet-testing, column by column.

    python make_parquet.py ../../../../shared/data/parquet > parquet.json
    python make_parquet.py documents > documents.hex     # a file of documents in two row groups, in hexadecimal

For each leaf column: values without nulls of lists' ends, nulls of flat columns, and the SHA-256 of all values, a line each: null,
true or false, whole numbers, floating point as the hexadecimal bits of a double, bytes in hexadecimal. Columns whose logical type
hides the stored value (decimals, 96-bit times) have null for the hash."""
import hashlib, json, pathlib, struct, sys
import pyarrow as pa
import pyarrow.parquet as pq


def leaves(array, name):
    kind = array.type
    if pa.types.is_struct(kind):
        for i in range(kind.num_fields):
            yield from leaves(array.flatten()[i], f"{name}.{kind.field(i).name}")
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from leaves(array.flatten(), name + "[]")
    elif pa.types.is_map(kind):
        yield from leaves(array.keys, name + "[]k")
        yield from leaves(array.items, name + "[]v")
    else:
        yield name, array


def line(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return struct.pack(">d", value).hex()
    if isinstance(value, str):
        value = value.encode()
    return value.hex()


def plain(array):
    kind = array.type
    if pa.types.is_timestamp(kind) or pa.types.is_date64(kind) or pa.types.is_time64(kind):
        return array.cast(pa.int64())
    if pa.types.is_date32(kind) or pa.types.is_time32(kind):
        return array.cast(pa.int32())
    if pa.types.is_dictionary(kind):
        return array.dictionary_decode()
    return array


def main(folder):
    files = {}
    for path in sorted(pathlib.Path(folder).glob("*.parquet")):
        try:
            file = pq.ParquetFile(path)
            int96 = {c.path for c in (file.schema.column(i) for i in range(len(file.schema))) if c.physical_type == "INT96"}
            table = file.read()
        except Exception as error:
            files[path.name] = {"error": str(error)}
            continue
        columns = []
        for name, column in zip(table.column_names, table.columns):
            for leaf, array in leaves(column.combine_chunks() if column.num_chunks != 1 else column.chunk(0), name):
                hidden = pa.types.is_decimal(array.type) or name in int96
                values = [] if hidden else plain(array).to_pylist()
                if "[]" in leaf:
                    values = [v for v in values if v is not None]
                columns.append({"leaf": leaf, "values": len(array) if hidden else len(values), "nulls": array.null_count if "[]" not in leaf else 0,
                                "sha256": None if hidden else hashlib.sha256("".join(line(v) + "\n" for v in values).encode()).hexdigest()})
        files[path.name] = {"rows": table.num_rows, "columns": columns}
    json.dump(files, sys.stdout, indent=1)
    print()


def documents():
    rows = [{"text": f"Text {i} \u65e5", "id": str(i), "url": f"https://a.org/{i}", "date": "2024-05-01T00:00:00Z", "language_score": 0.5,
             "metadata": {"language": "de", "license": "CC0-1.0", "tags": ["x", "y"]}} for i in range(5)]
    rows[3]["text"] = None
    rows[4]["metadata"] = None
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink, compression="zstd", row_group_size=3, data_page_version="2.0")
    print(sink.getvalue().to_pybytes().hex())


documents() if sys.argv[1] == "documents" else main(sys.argv[1])
