/** The part of jStat that the tests use; the package has no types of its own. */
declare const jstat: {
  readonly jStat: {
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
