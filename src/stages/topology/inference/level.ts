/** The level of what the weights show. */

/** Family-wise: of a thousand models in which nothing is shared, one shows a space. */
export const LOG_ALPHA = Math.log(1e-3);

/** Whether a p shows something by itself: half of the level is for pairs of ports, half for parts. @param looked how many were looked at */
export const isSmall = (logP: number, looked: number): boolean =>
  logP + Math.log(looked) <= LOG_ALPHA - Math.LN2;

/** A connection that was known before the weights were asked, and whose own p is at most this, is supported by them. */
export const LOG_SUPPORT = Math.log(0.01);
