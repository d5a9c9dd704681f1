const DIGIT = /\p{Nd}/u;
/** Digits of other scripts that are one code unit long, as ASCII ones are. */
const OTHER_DIGIT = /(?![0-9])(?=[\0-\uffff])\p{Nd}/gu;
/** Forms of the printable ASCII characters that East Asian keyboards write. */
const WIDE = /[\uff01-\uff5e]/g;
const WIDE_FROM_ASCII = 0xfee0;
/** What nobody sees within a number. */
const UNSEEN = /(?<=\p{Nd})(?:(?=[\0-\uffff])\p{Cf}){1,8}(?=\p{Nd})/gu;

/**
 * The text as what looks for numbers reads it: `４１１１` and `٤١١١` are 4111. Each character stays where it is, so that what is found here is at the same
 * place there.
 */
export const plainDigits = (text: string): string =>
  text
    .replace(WIDE, (wide) => String.fromCharCode(wide.charCodeAt(0) - WIDE_FROM_ASCII))
    .replace(UNSEEN, ({ length }) => ' '.repeat(length))
    .replace(OTHER_DIGIT, (digit) => String(numberOf(digit.charCodeAt(0))));

/** The digits of a script stand in a row, and before the zero stands none (Unicode, chapter 4.6). */
function numberOf(code: number): number {
  let zero = code;
  while (DIGIT.test(String.fromCharCode(zero - 1))) zero -= 1;
  return code - zero;
}
