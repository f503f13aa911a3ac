/**
 * The law of Tracy and Widom (1996) for beta = 1: how the largest eigenvalue of a large random symmetric matrix is distributed about the
 * edge of all others.
 */

/** Cumulants of the law: mean, variance, skewness and excess kurtosis (Prähofer; Bornemann 2010). */
export const TRACY_WIDOM = {
  mean: -1.2065335745820,
  variance: 1.6077810345810,
  skewness: 0.29346452408,
  kurtosis: 0.1652429384,
} as const;

/** Where the table begins and ends, and how far apart its points are. */
const [FIRST, LAST, STEP] = [-8, 10, 0.25];

/**
 * `ln P(X >= s)` at s = -8, -7.75, …, 10: Fredholm's determinant of Ferrari and Spohn (2005), by 64 nodes of Gauss and Legendre (Bornemann 2010),
 * right to about 13 digits. The test computes the determinant anew.
 */
// deno-fmt-ignore
const LOG_SURVIVAL: readonly number[] = [
  -1.806776950277e-12, -1.611399902414e-11, -1.268233296239e-10, -8.842564462343e-10, -5.482862623406e-09,
  -3.03496354879e-08, -1.505504425654e-07, -6.718260548655e-07, -2.707322989742e-06, -9.889912625993e-06,
  -3.287562873683e-05, -9.982662166907e-05, -0.000277956381211, -0.0007124364289551, -0.001687574188787,
  -0.003709191703445, -0.007596458769812, -0.01455973961616, -0.02623530259277, -0.04465417498083,
  -0.07214080553712, -0.1111594264088, -0.1641411023657, -0.2333261242156, -0.3206464053979, -0.4276577844003,
  -0.5555193432246, -0.705009342308, -0.8765650873734, -1.070335221814, -1.286235660854, -1.524003315155,
  -1.783244224269, -2.063474537224, -2.364153985215, -2.684712223719, -3.024568817065, -3.383147810743,
  -3.759887867584, -4.15424889009, -4.565715950567, -4.993801228905, -5.438044531567, -5.89801284563,
  -6.373299274817, -6.863521613743, -7.368320742683, -7.887358967328, -8.420318384312, -8.96689932152,
  -9.52681887991, -10.09980958856, -10.68561817503, -11.28400444734, -11.89474028049, -12.51760869921,
  -13.15240304783, -13.79892623874, -14.45699007106, -15.12641461218, -15.80702763538, -16.49866410746,
  -17.20116572119, -17.91438046773, -18.63816224499, -19.37237049815, -20.1168698893, -20.87152999304,
  -21.63622501587, -22.4108335368, -23.19523826739, -23.98932582937, -24.79298654824,
];

/** Coefficients of `s^(-3k/2)` in the expansion of the integral of Airy's function (from DLMF 9.7.5, integrated term by term). */
const TAIL = [1, -41 / 48, 9241 / 4608, -7.6485716266396615, 40.44685006632236, -273.89786521511974];

/** Points of the table that an interpolation goes through. */
const POINTS = 6;

/**
 * `ln P(X >= s)` where `X` has the Tracy-Widom law of beta = 1. From a table up to s = 10, by interpolation right to 1e-6; above by
 * `P = 1/2 int_s^inf Ai`, whose relative error is less than `P`.
 *
 * @returns in (-Infinity, 0]; 0 below s = -8, where it is above -2e-12
 * @example
 * Math.exp(logTracyWidomSurvival(0.9793)); // 0.05
 */
export function logTracyWidomSurvival(s: number): number {
  if (s < FIRST) return 0;
  if (s > LAST) {
    const x = s ** 1.5;
    const series = TAIL.reduceRight((sum, coefficient) => coefficient + sum / x, 0);
    return -2 / 3 * x - 0.75 * Math.log(s) - Math.log(4 * Math.sqrt(Math.PI)) + Math.log(series);
  }
  const at = (s - FIRST) / STEP;
  const from = Math.max(0, Math.min(LOG_SURVIVAL.length - POINTS, Math.floor(at) - POINTS / 2 + 1));
  let value = 0;
  for (let i = from; i < from + POINTS; i++) {
    let share = LOG_SURVIVAL[i]!;
    for (let j = from; j < from + POINTS; j++) if (j !== i) share *= (at - j) / (i - j);
    value += share;
  }
  return Math.min(0, value);
}
