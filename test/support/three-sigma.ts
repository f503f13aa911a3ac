/** `1 - Phi(3)`, as other programs give it. */
export const THREE_SIGMA = 0.0013498980316300946;
