/** What a p-value says under each null distribution, and what it does not: said wherever p-values are shown. */

interface Meaning {
  /** Beside a finding or a picture. */
  readonly short: string;
  /** At the top of a report. */
  readonly long: string;
}

const PROFILES =
  "Trained kernels have spatial profiles of their own, so small p-values come without any alignment; the rotation null tests the alignment alone.";

const MEANINGS: Readonly<Record<string, Meaning>> = {
  rotation: {
    short:
      "p: how surprising this would be if the channels of the two layers had nothing to do with each other; " +
      "trained weights are not random",
    long:
      "A p-value says how surprising an overlap would be if the channels of the two layers had nothing to do with each other: one " +
      "vector is turned at random among its channels, and all else stays as it is (singular values, spatial profiles, the other vector). " +
      "Trained weights are not random: a small p-value says that two layers are aligned, not why, and not that it matters.",
  },
  beta: {
    short:
      "p (beta null): how surprising this would be if singular vectors pointed in random directions, spatial profiles " +
      "included: profile and alignment are tested together",
    long:
      "A p-value says how surprising an overlap would be if a singular vector pointed in a random direction, the spatial profile of its " +
      `kernels included: it tests profile and alignment together. ${PROFILES}`,
  },
  chi2: {
    short:
      "p (chi2 null, the limit of many channels): how surprising this would be if singular vectors pointed in random directions, " +
      "spatial profiles included: profile and alignment are tested together",
    long:
      "A p-value says how surprising an overlap would be if a singular vector pointed in a random direction, in the limit of many " +
      `channels that the reference program uses: it tests the profile of kernels and their alignment together. ${PROFILES}`,
  },
};

const UNKNOWN: Meaning = {
  short: "p: of a null distribution that this version does not know",
  long: "The p-values are those of a null distribution that this version does not know.",
};

/**
 * What a p-value of a run says.
 *
 * @param name of the run's null distribution; may come from a file, and is not repeated
 * @returns `short`: part of a sentence; `long`: sentences. Of a null that this version does not know both say that
 */
export function pValueMeaning(name: string): Meaning {
  return Object.hasOwn(MEANINGS, name) ? MEANINGS[name]! : UNKNOWN;
}
