/** The edges of a model as columns, and which of them are shown. */

/** The columns of the table `edges` that the page needs; a row is an index into each. */
export interface EdgeColumns {
  readonly sourceLayer: Int32Array;
  readonly sourceNeuron: Int32Array;
  readonly targetLayer: Int32Array;
  readonly targetNeuron: Int32Array;
  readonly part: Int32Array;
  /** In [0, 1]. */
  readonly overlap: Float64Array;
  /** Natural logarithm of the p-value. */
  readonly logP: Float64Array;
}

/** Which edges are wanted. */
export interface EdgeFilter {
  readonly overlap: number;
  /** The largest natural logarithm of p. */
  readonly logP: number;
  /** The most layers that an edge may reach over. */
  readonly span: number;
}

/** Bins of overlaps: as fine as a slider. */
const BINS = 2 ** 16;

/** How many edges pass, and the strongest of them. */
export interface Strongest {
  readonly passed: number;
  /** Rows, the weakest first: what is drawn last lies on top. */
  readonly rows: Uint32Array;
}

/**
 * The strongest edges that pass.
 *
 * @param most at most so many; of equal overlaps the first rows
 */
export function strongest(columns: EdgeColumns, filter: EdgeFilter, most: number): Strongest {
  const { overlap, logP, sourceLayer, targetLayer } = columns;
  const passing = new Uint32Array(overlap.length);
  const counts = new Uint32Array(BINS + 1);
  let passed = 0;
  for (let row = 0; row < overlap.length; row++) {
    if (overlap[row]! < filter.overlap || logP[row]! > filter.logP) continue;
    if (Math.abs(targetLayer[row]! - sourceLayer[row]!) > filter.span) continue;
    passing[passed++] = row;
    counts[bin(overlap[row]!)]!++;
  }
  let [least, above] = [BINS, 0];
  while (least > 0 && above + counts[least]! < most) above += counts[least--]!;
  const candidates = passing.subarray(0, passed).filter((row) => bin(overlap[row]!) >= least);
  candidates.sort((a, b) => overlap[b]! - overlap[a]! || a - b);
  return { passed, rows: candidates.slice(0, most).reverse() };
}

const bin = (overlap: number) => Math.min(BINS, Math.max(0, Math.floor(overlap * BINS)));

/** The edges of a neuron, the strongest first. */
export function edgesOf(columns: EdgeColumns, layer: number, neuron: number): Uint32Array {
  const { sourceLayer, sourceNeuron, targetLayer, targetNeuron } = columns;
  return strongestFirst(columns, (row) =>
    (sourceLayer[row] === layer && sourceNeuron[row] === neuron) ||
    (targetLayer[row] === layer && targetNeuron[row] === neuron));
}

/** The edges of a connection, the strongest first. */
export function edgesBetween(
  columns: EdgeColumns,
  [source, target, part]: readonly [number, number, number],
): Uint32Array {
  return strongestFirst(
    columns,
    (row) =>
      columns.sourceLayer[row] === source && columns.targetLayer[row] === target &&
      columns.part[row] === part,
  );
}

function strongestFirst({ overlap }: EdgeColumns, wanted: (row: number) => boolean): Uint32Array {
  const rows: number[] = [];
  for (let row = 0; row < overlap.length; row++) if (wanted(row)) rows.push(row);
  return Uint32Array.from(rows.sort((a, b) => overlap[b]! - overlap[a]! || a - b));
}

/** Those rows, with columns of their own. */
export function rowsOf(columns: EdgeColumns, rows: Uint32Array): EdgeColumns {
  const picked = <T extends Int32Array | Float64Array>(column: T, found: T) => {
    for (let at = 0; at < rows.length; at++) found[at] = column[rows[at]!]!;
    return found;
  };
  const integers = (column: Int32Array) => picked(column, new Int32Array(rows.length));
  const numbers = (column: Float64Array) => picked(column, new Float64Array(rows.length));
  return {
    sourceLayer: integers(columns.sourceLayer),
    sourceNeuron: integers(columns.sourceNeuron),
    targetLayer: integers(columns.targetLayer),
    targetNeuron: integers(columns.targetNeuron),
    part: integers(columns.part),
    overlap: numbers(columns.overlap),
    logP: numbers(columns.logP),
  };
}

/** The buffers of columns, to be handed over to another thread. */
export function buffersOf(columns: EdgeColumns): ArrayBuffer[] {
  return Object.values(columns).map((column: Int32Array | Float64Array) => column.buffer as ArrayBuffer);
}
