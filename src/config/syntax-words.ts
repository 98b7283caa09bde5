/** The YAML parser's complaints in plain words, without quoting the file. */
export const SYNTAX_WORDS: Readonly<Record<string, readonly [expected: string, found: string]>> = {
  BAD_ALIAS: ['a name after "*" or "&"', 'a malformed anchor or alias'],
  BAD_COLLECTION_TYPE: ['a tag that fits its value', 'a tag for another kind of value'],
  BAD_DIRECTIVE: ['a valid %-directive', 'a line that starts with "%"; quote the text if it is a value'],
  BAD_DQ_ESCAPE: [
    'a valid escape in the double-quoted text',
    'an unknown escape; single quotes take text as it is',
  ],
  BAD_INDENT: ['consistent indentation', 'a line that is indented differently from its neighbours'],
  BAD_SCALAR_START: [
    'text that starts with an ordinary character',
    'a special character at its start; quote the text',
  ],
  BLOCK_AS_IMPLICIT_KEY: [
    'one "key: value" on the line',
    'a second ": " on the line; quote the value, or check the indentation',
  ],
  BLOCK_IN_FLOW: ['the flow style to go on inside {…} or […]', 'an indented block'],
  IMPOSSIBLE: ['valid YAML', 'text that cannot be parsed'],
  KEY_OVER_1024_CHARS: ['a key of at most 1024 characters', 'a longer one'],
  MISSING_CHAR: [
    'a separator or closing character',
    'the text going on without one (a missing ":", quote, bracket or blank)',
  ],
  MULTILINE_IMPLICIT_KEY: [
    '"key: value" on one line',
    'a line without ":", or one that goes on in the next line',
  ],
  MULTIPLE_ANCHORS: ['one anchor', 'several on one value'],
  MULTIPLE_DOCS: ['one YAML document', 'another one after "---"'],
  MULTIPLE_TAGS: ['one tag', 'several on one value'],
  RESOURCE_EXHAUSTION: ['a file of sane depth', 'mappings or lists nested hundreds of levels deep'],
  TAB_AS_INDENT: ['blanks as indentation', 'a tab'],
  TAG_RESOLVE_FAILED: ['a value without a tag', 'a tag that is unknown or does not fit the value'],
  UNEXPECTED_TOKEN: ['valid YAML', 'something that does not belong here'],
};
