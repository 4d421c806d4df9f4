// Every character that a task family may write, in questions, thinking and answers. A character-level tokenizer is built
// from it; with the special tokens of the chat format it stays below 64 symbols.

/** Digits, operators, brackets, separators, space, lower-case letters and newline: 48 characters, in the order of their token ids. */
export const alphabet = "0123456789+-*/()=;,? abcdefghijklmnopqrstuvwxyz\n";
