// A C face for simdjson's DOM parser (https://github.com/simdjson/simdjson), so that Swift needs no C++ interop.
// Strings that come back point into the parser's own buffers and live until its next parse.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct olim_json_parser olim_json_parser;

/// One value in a parsed document: simdjson's `dom::element`, which is a document and a place on its tape.
typedef struct {
    const void *document;
    size_t index;
} olim_json_element;

/// Iterates an array or an object; `remaining` is implied by `olim_json_iterator_next` returning false.
typedef struct {
    olim_json_element next;
    olim_json_element end;
} olim_json_iterator;

typedef enum {
    olim_json_array = '[',
    olim_json_object = '{',
    olim_json_int64 = 'l',
    olim_json_uint64 = 'u',
    olim_json_double = 'd',
    olim_json_string = '"',
    olim_json_bool = 't',
    olim_json_null = 'n',
} olim_json_type;

/// Bytes that must be readable (not initialised) behind every text handed to `olim_json_parse`.
extern const size_t olim_json_padding;

olim_json_parser *olim_json_parser_create(size_t maximum_bytes);
void olim_json_parser_destroy(olim_json_parser *parser);

/// Parses `length` bytes; `padded` says that `olim_json_padding` readable bytes follow them (else they are copied).
/// Returns 0, or simdjson's error code. Whole numbers beyond 64 bits, which simdjson refuses, are read as doubles, and halves of
/// surrogate pairs as U+FFFD.
int olim_json_parse(olim_json_parser *parser, const char *bytes, size_t length, bool padded, olim_json_element *root);
const char *olim_json_error_message(int code);

olim_json_type olim_json_element_type(olim_json_element element);
bool olim_json_element_string(olim_json_element element, const char **bytes, size_t *length);
bool olim_json_element_int64(olim_json_element element, int64_t *value);
bool olim_json_element_uint64(olim_json_element element, uint64_t *value);
bool olim_json_element_double(olim_json_element element, double *value);
bool olim_json_element_bool(olim_json_element element, bool *value);

/// Finds the first member of that name in an object.
bool olim_json_object_find(olim_json_element object, const char *key, size_t key_length, olim_json_element *value);

bool olim_json_array_begin(olim_json_element array, olim_json_iterator *iterator);
bool olim_json_array_next(olim_json_iterator *iterator, olim_json_element *value);
bool olim_json_object_begin(olim_json_element object, olim_json_iterator *iterator);
bool olim_json_object_next(
    olim_json_iterator *iterator, const char **key, size_t *key_length, olim_json_element *value);

/// Finds where the tokens of texts begin: simdjson's first stage, which reads 64 bytes at a time.
typedef struct olim_json_indexer olim_json_indexer;

olim_json_indexer *olim_json_indexer_create(size_t maximum_bytes);
void olim_json_indexer_destroy(olim_json_indexer *indexer);

/// Returns the offset of each token's first byte, `count` of them and then `length`, valid until the next call. A string is one
/// token, and so is a number or a word; brackets, braces, colons and commas are one each. Between tokens stands white space.
///
/// Null for a longer text than `maximum_bytes`, and for one with an open string, control characters in one, or that is not UTF-8.
/// Whether escapes, numbers and words are right, and the tokens in order, is not looked at.
const uint32_t *olim_json_index(olim_json_indexer *indexer, const char *bytes, size_t length, size_t *count);

#ifdef __cplusplus
}
#endif
