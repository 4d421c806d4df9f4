// The 25 instructions of IFEval by their published ids, and nothing else: an id that is not here is a broken reference,
// never a followed instruction.

import * as changeCase from "./changeCase.ts";
import * as combination from "./combination.ts";
import * as content from "./detectableContent.ts";
import * as format from "./detectableFormat.ts";
import type { Instruction } from "./instruction.ts";
import * as keywords from "./keywords.ts";
import { responseLanguage } from "./language.ts";
import * as length from "./lengthConstraints.ts";
import { noComma } from "./punctuation.ts";
import * as startEnd from "./startEnd.ts";

export const instructionTable: ReadonlyMap<string, Instruction<unknown>> = new Map([
  ["change_case:capital_word_frequency", changeCase.capitalWordFrequency],
  ["change_case:english_capital", changeCase.englishCapital],
  ["change_case:english_lowercase", changeCase.englishLowercase],
  ["combination:repeat_prompt", combination.repeatPrompt],
  ["combination:two_responses", combination.twoResponses],
  ["detectable_content:number_placeholders", content.numberPlaceholders],
  ["detectable_content:postscript", content.postscript],
  ["detectable_format:constrained_response", format.constrainedResponse],
  ["detectable_format:json_format", format.jsonFormat],
  ["detectable_format:multiple_sections", format.multipleSections],
  ["detectable_format:number_bullet_lists", format.numberBulletLists],
  ["detectable_format:number_highlighted_sections", format.numberHighlightedSections],
  ["detectable_format:title", format.title],
  ["keywords:existence", keywords.existence],
  ["keywords:forbidden_words", keywords.forbiddenWords],
  ["keywords:frequency", keywords.frequency],
  ["keywords:letter_frequency", keywords.letterFrequency],
  ["language:response_language", responseLanguage],
  ["length_constraints:nth_paragraph_first_word", length.nthParagraphFirstWord],
  ["length_constraints:number_paragraphs", length.numberParagraphs],
  ["length_constraints:number_sentences", length.numberSentences],
  ["length_constraints:number_words", length.numberWords],
  ["punctuation:no_comma", noComma],
  ["startend:end_checker", startEnd.endChecker],
  ["startend:quotation", startEnd.quotation],
]);
