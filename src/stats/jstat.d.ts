/** The part of jStat that is used, in tests too; the package has no types of its own. */
declare const jstat: {
  readonly jStat: {
    mean(values: readonly number[]): number;
    /** @param sample whether over `n - 1` */
    stdev(values: readonly number[], sample: boolean): number;
    median(values: readonly number[]): number;
    /** The median absolute deviation, as it is. */
    meddev(values: readonly number[]): number;
    /** Of two values or more; `alpha` and `beta` say how values stand for probabilities. */
    quantiles(
      values: readonly number[],
      probabilities: readonly number[],
      alpha: number,
      beta: number,
    ): number[];
    /** Ranks from 1; equal values have the mean of theirs. */
    rank(values: readonly number[]): number[];
    spearmancoeff(a: readonly number[], b: readonly number[]): number;
    readonly normal: {
      cdf(x: number, mean: number, std: number): number;
      inv(p: number, mean: number, std: number): number;
    };
    readonly beta: { cdf(x: number, a: number, b: number): number };
    readonly chisquare: { cdf(x: number, degrees: number): number };
    gammaln(x: number): number;
    betaln(a: number, b: number): number;
  };
};
export default jstat;
