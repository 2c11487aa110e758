/**
 * SQL that PostgreSQL does not even read before it is needed. It parses and plans the whole of a statement,
 * also the branches of a CASE that are hardly ever taken: for a question as short as a vote's that takes longer
 * than all the rest. A text given to `query_to_xml` is parsed when that is called; it is PostgreSQL's only
 * function of the kind, is built in without libxml, too, and what fails in the text fails outside as well.
 *
 * @module
 */

/**
 * An expression that asks a question, to be used where that is needed only now and then.
 *
 * @param question An expression that gives a text without anything that XML would write otherwise.
 * @returns An expression that gives what {@linkcode answerIn} reads.
 */
export function whenNeeded(question: string): string {
  // The column's name is that of the element in which it comes back.
  const text = `SELECT ${question} AS answer`;
  return `query_to_xml('${text.replaceAll("'", "''")}', false, false, '')::text`;
}

/**
 * What was answered, whether the question was asked by {@linkcode whenNeeded} or not.
 *
 * @param text What the expression gave.
 * @returns The answer.
 */
export function answerIn(text: string): string {
  const [, answer] = /<answer>([^<]*)<\/answer>/.exec(text) ?? [];
  return answer ?? text;
}
