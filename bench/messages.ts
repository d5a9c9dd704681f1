/** Ways to begin and end a message; many people do neither. */
const OPENINGS = ['', 'Hi, ', 'hey ', 'Good morning, ', 'Please help: '];
const CLOSINGS = ['', '.', '?', ' please', '!!', ', thank you!'];

/** What people write about: the matters of the support label space, each with the thing it is about. */
const REQUESTS = [
  'where is my refund for {thing}',
  'when do I get my money back for {thing}',
  'I want a refund for {thing}',
  'can I still get a refund for {thing}',
  'how do I cancel the order of {thing}',
  'cancel my order for {thing}',
  'I need to change my order, add {thing}',
  'can you take {thing} off my order',
  'I would like to order {thing}',
  'how can I buy {thing}',
  'where is my parcel with {thing}',
  'track the delivery of {thing}',
  'how long does the delivery of {thing} take',
  'which delivery options are there for {thing}',
  'send {thing} to another address',
  'I typed a wrong address for {thing}',
  'how do I set up a new address for {thing}',
  'I cannot find the invoice for {thing}',
  'send me the bill of {thing}',
  'check the invoice of {thing}',
  'which payment methods can I use for {thing}',
  'I could not pay for {thing}',
  'my card was charged twice for {thing}',
  'what does it cost to cancel {thing}',
  'is there a fee when I give back {thing}',
  'I forgot my password and cannot see {thing}',
  'how do I open an account to buy {thing}',
  'delete my account, I only had {thing} there',
  'I have two accounts, {thing} is in the wrong one',
  'change the email of the account that bought {thing}',
  'I cannot sign up to buy {thing}',
  'I want to complain about {thing}',
  'this is a complaint: {thing} came broken',
  'let me talk to a person about {thing}',
  'what is your phone number, it is about {thing}',
  'who can I call about {thing}',
  'I want to write a review of {thing}',
  'how do I leave feedback on {thing}',
  'unsubscribe me from the newsletter about {thing}',
  'sign me up for news about {thing}',
  'the app crashes when I open {thing}',
  'the voucher does not work for {thing}',
];

const KINDS = ['the', 'my', 'a', 'two', 'your new', 'that blue', 'the large', 'the second', 'some', 'the wrong', 'a used', 'the red'];
const ARTICLES = [
  'rain jacket',
  'running shoes',
  'desk lamp',
  'coffee grinder',
  'winter coat',
  'phone case',
  'garden chairs',
  'headphones',
  'suitcase',
  'bike helmet',
  'birthday present',
  'kettle',
  'yoga mat',
  'backpack',
  'tablet',
  'cookbook',
  'wool socks',
  'printer',
  'picture frame',
  'tent',
  'water bottle',
  'jeans',
  'board game',
  'router',
  'curtains',
];
const TIMES = ['', ' from Monday', ' I bought in May', ' since yesterday', ' for my mother'];

const SLOTS = [OPENINGS, REQUESTS, KINDS, ARTICLES, TIMES, CLOSINGS];

/** How many distinct messages there are. */
export const MESSAGES = SLOTS.reduce((product, slot) => product * slot.length, 1);

/** A step without a common factor with `MESSAGES` visits every combination once, and neighbours in the order differ in every part. */
const STEP = coprimeFrom(Math.floor(MESSAGES * 0.618_034));

/**
 * The n-th message of the bench, written like a customer's (mean about 15 word pieces). No two are the same, so that no cache can help.
 * @param n 0 … `MESSAGES` − 1. @throws RangeError outside of it
 */
export function messageOf(n: number): string {
  if (!Number.isInteger(n) || n < 0 || n >= MESSAGES)
    throw new RangeError(`There are ${MESSAGES} messages, number ${n} is not among them.`);
  let rest = (n * STEP) % MESSAGES;
  const [opening, request, kind, article, time, closing] = SLOTS.map((slot) => {
    const chosen = slot[rest % slot.length]!;
    rest = Math.floor(rest / slot.length);
    return chosen;
  });
  return `${opening}${request!.replace('{thing}', `${kind} ${article}${time}`)}${closing}`;
}

function coprimeFrom(start: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  for (let step = start; ; step += 1) if (divisor(step, MESSAGES) === 1) return step;
}
