"""Reads a lake by delta-rs, pyiceberg and Polars, and holds what they say against the files that the manifest names.

    svr run pipelines/demo.yaml --out lake && svr lake delta lake && svr lake iceberg lake
    python test/bench/engines.py lake

Needs deltalake, pyiceberg, polars and pyarrow. Prints a line for each table; ends with 1 where something differs. With two versions or
more, the first and the last are compared with what their logs say: time travel shows the older one.
"""

import json
import logging
import sys
import warnings
from pathlib import Path

import deltalake
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.expressions import EqualTo, GreaterThan
from pyiceberg.table import StaticTable

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")

lake = Path(sys.argv[1]).resolve()
manifest = json.loads((lake / "_manifest.json").read_text())
entries = [*manifest["models"], *manifest.get("comparisons", [])]
differences = 0


def check(what, found, required):
    """Counts a difference and says it."""
    global differences
    if found != required:
        differences += 1
        print(f"  DIFFERS: {what}: found {str(found)[:200]}, required {str(required)[:200]}")


def text_model(table):
    """pyiceberg gives the ids as dictionaries, which pyarrow does not sort."""
    for at, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type) or pa.types.is_large_string(field.type):
            table = table.set_column(at, field.name, table.column(at).cast(pa.string()))
    return table


def sorted_rows(table):
    """Rows as a set with counts would have them: sorted by all columns, NaN as a text."""
    rows = text_model(table).to_pylist()
    return sorted((repr(sorted(row.items())) for row in rows))


def without_ids(rows):
    """Rows without the columns that folders name too."""
    return rows.drop_columns([name for name in ("model", "base") if name in rows.column_names])


def iceberg(table, version=None):
    folder = lake / "_iceberg" / table / "metadata"
    newest = int((folder / "version-hint.text").read_text())
    return StaticTable.from_metadata(str(folder / f"v{version or newest}.metadata.json"))


tables = sorted(path.parent.name for path in lake.glob("*/_delta_log"))
if not tables:
    sys.exit(f"{lake}: found no Delta table, required those of svr lake delta and svr lake iceberg")
for table in tables:
    files = [file["path"] for entry in entries for file in entry["files"] if file["table"] == table]
    plain = [pq.read_table(lake / path, partitioning=None) for path in files]
    required = sorted(row for part in plain for row in sorted_rows(part))
    delta = deltalake.DeltaTable(str(lake / table))
    ice = iceberg(table)
    by_delta = pl.scan_delta(str(lake / table)).collect().to_arrow()
    by_delta_rs = pa.table(delta.to_pyarrow_dataset().to_table())
    # Polars takes the ids of a Delta table from its folders' names, where those of more than 200 characters are cut.
    if any("~" in path for path in files):
        print(f"  {table}: Polars shows long ids of the Delta table as they are cut; compared without ids")
        rest = sorted(row for part in plain for row in sorted_rows(without_ids(part)))
        check(f"{table} by Polars from Delta", sorted_rows(without_ids(by_delta)), rest)
    else:
        check(f"{table} by Polars from Delta", sorted_rows(by_delta), required)
    check(f"{table} by delta-rs", sorted_rows(by_delta_rs), required)
    check(f"{table} by pyiceberg", sorted_rows(ice.scan().to_arrow()), required)
    check(f"{table} by Polars from Iceberg", sorted_rows(pl.scan_iceberg(ice).collect().to_arrow()), required)

    # Models prune: each has its own files, and no other is planned.
    ids = [(entry.get("id") or entry["other"], [f["path"] for f in entry["files"] if f["table"] == table]) for entry in entries]
    for model in list(dict.fromkeys(id for id, paths in ids if paths))[:5]:
        own = sorted(str(lake / path) for id, paths in ids if id == model for path in paths)
        planned = [task.file.file_path for task in ice.scan(row_filter=EqualTo("model", model)).plan_files()]
        check(f"{table} of {model} planned by pyiceberg", sorted(planned), own)
        uris = [path.removeprefix("file://") for path in delta.file_uris([("model", "=", model)])]
        check(f"{table} of {model} by delta-rs", len(uris), len(own))
    # Statistics prune: beyond the greatest value there is no file.
    column = "source_layer" if table in ("edges", "connections") else "layer_index" if table in ("layers", "neurons") else None
    if column is not None and files:
        greatest = max(pc.max(part[column]).as_py() for part in plain)
        check(f"{table} beyond {column}", len(list(ice.scan(row_filter=GreaterThan(column, greatest)).plan_files())), 0)
        some = list(ice.scan(row_filter=GreaterThan(column, greatest - 1)).plan_files())
        holding = [part for part in plain if pc.max(part[column]).as_py() == greatest]
        check(f"{table} at the greatest {column}", len(some), len(holding))

    # Time travel.
    told = f"{len(required)} rows in {len(files)} files, version {delta.version()} of Delta"
    if delta.version() > 0:
        log = (lake / table / "_delta_log" / f"{0:020}.json").read_text().splitlines()
        adds = [json.loads(line)["add"] for line in log if '"add"' in line[:8]]
        first = sum(json.loads(add["stats"])["numRecords"] for add in adds)
        check(f"{table} at version 0 by delta-rs", deltalake.DeltaTable(str(lake / table), version=0).count(), first)
        check(f"{table} at version 0 by Polars", pl.scan_delta(str(lake / table), version=0).collect().height, first)
        snapshot = ice.metadata.snapshots[0]
        older = ice.scan(snapshot_id=snapshot.snapshot_id).to_arrow().num_rows
        check(f"{table} at the first snapshot by pyiceberg", older, int(snapshot.summary["total-records"]))
        told += f"; {first} rows in version 0, {older} in the first snapshot"
    print(f"{table}: {told}")
print(f"{differences} differences")
sys.exit(1 if differences else 0)
