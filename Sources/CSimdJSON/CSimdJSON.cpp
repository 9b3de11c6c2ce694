#include "CSimdJSON.h"

#include "Respelling.h"

#include <cstring>
#include <memory>
#include <new>
#include <simdjson.h>
#include <type_traits>

namespace dom = simdjson::dom;

namespace {

// element, array, object and their iterators are all one `tape_ref`: a document pointer and an index. The C structs
// carry exactly those two words, so a value can cross the language border without an allocation.
template <typename To, typename From> To reinterpret_words(const From &from) {
    static_assert(sizeof(To) == sizeof(From), "simdjson's DOM handles are two words");
    static_assert(std::is_trivially_copyable<To>::value && std::is_trivially_copyable<From>::value, "");
    To to;
    std::memcpy(static_cast<void *>(&to), &from, sizeof(To));
    return to;
}

dom::element in(olim_json_element element) { return reinterpret_words<dom::element>(element); }
olim_json_element out(dom::element element) { return reinterpret_words<olim_json_element>(element); }

// Parses a copy in which what JSON allows and simdjson does not read is spelled otherwise. Strings and numbers are kept
// by the parser itself, so that the copy can go. Gives the error that there was if there is nothing to respell.
simdjson::error_code parse_respelled(
    dom::parser &parser, const char *bytes, size_t length, simdjson::error_code error, dom::element &element) {
    size_t needed = olim::respell(bytes, length, nullptr);
    if (needed == 0) return error;
    std::unique_ptr<char[]> copy(new (std::nothrow) char[needed + simdjson::SIMDJSON_PADDING]());
    if (!copy) return simdjson::MEMALLOC;
    olim::respell(bytes, length, copy.get());
    return parser.parse(copy.get(), needed, false).get(element);
}

} // namespace

extern "C" {

const size_t olim_json_padding = simdjson::SIMDJSON_PADDING;

struct olim_json_parser {
    dom::parser parser;
    explicit olim_json_parser(size_t maximum_bytes) : parser(maximum_bytes) {}
};

olim_json_parser *olim_json_parser_create(size_t maximum_bytes) {
    return new (std::nothrow) olim_json_parser(maximum_bytes);
}

void olim_json_parser_destroy(olim_json_parser *parser) { delete parser; }

int olim_json_parse(olim_json_parser *parser, const char *bytes, size_t length, bool padded, olim_json_element *root) {
    dom::element element;
    auto error = parser->parser.parse(bytes, length, !padded).get(element);
    if (error == simdjson::NUMBER_ERROR || error == simdjson::STRING_ERROR) {
        error = parse_respelled(parser->parser, bytes, length, error, element);
    }
    if (!error) *root = out(element);
    return error;
}

const char *olim_json_error_message(int code) {
    return simdjson::error_message(static_cast<simdjson::error_code>(code));
}

olim_json_type olim_json_element_type(olim_json_element element) {
    return static_cast<olim_json_type>(in(element).type());
}

bool olim_json_element_string(olim_json_element element, const char **bytes, size_t *length) {
    std::string_view view;
    if (in(element).get_string().get(view)) return false;
    *bytes = view.data();
    *length = view.size();
    return true;
}

bool olim_json_element_int64(olim_json_element element, int64_t *value) {
    return !in(element).get_int64().get(*value);
}

bool olim_json_element_uint64(olim_json_element element, uint64_t *value) {
    return !in(element).get_uint64().get(*value);
}

bool olim_json_element_double(olim_json_element element, double *value) {
    return !in(element).get_double().get(*value);
}

bool olim_json_element_bool(olim_json_element element, bool *value) {
    return !in(element).get_bool().get(*value);
}

bool olim_json_object_find(olim_json_element object, const char *key, size_t key_length, olim_json_element *value) {
    dom::object members;
    dom::element found;
    if (in(object).get_object().get(members)) return false;
    if (members.at_key(std::string_view(key, key_length)).get(found)) return false;
    *value = out(found);
    return true;
}

bool olim_json_array_begin(olim_json_element array, olim_json_iterator *iterator) {
    dom::array values;
    if (in(array).get_array().get(values)) return false;
    iterator->next = reinterpret_words<olim_json_element>(values.begin());
    iterator->end = reinterpret_words<olim_json_element>(values.end());
    return true;
}

bool olim_json_array_next(olim_json_iterator *iterator, olim_json_element *value) {
    auto next = reinterpret_words<dom::array::iterator>(iterator->next);
    if (next == reinterpret_words<dom::array::iterator>(iterator->end)) return false;
    *value = out(*next);
    ++next;
    iterator->next = reinterpret_words<olim_json_element>(next);
    return true;
}

bool olim_json_object_begin(olim_json_element object, olim_json_iterator *iterator) {
    dom::object members;
    if (in(object).get_object().get(members)) return false;
    iterator->next = reinterpret_words<olim_json_element>(members.begin());
    iterator->end = reinterpret_words<olim_json_element>(members.end());
    return true;
}

bool olim_json_object_next(
    olim_json_iterator *iterator, const char **key, size_t *key_length, olim_json_element *value) {
    auto next = reinterpret_words<dom::object::iterator>(iterator->next);
    if (next == reinterpret_words<dom::object::iterator>(iterator->end)) return false;
    auto name = next.key();
    *key = name.data();
    *key_length = name.size();
    *value = out(next.value());
    ++next;
    iterator->next = reinterpret_words<olim_json_element>(next);
    return true;
}

struct olim_json_indexer {
    std::unique_ptr<simdjson::internal::dom_parser_implementation> implementation;
};

olim_json_indexer *olim_json_indexer_create(size_t maximum_bytes) {
    std::unique_ptr<olim_json_indexer> indexer(new (std::nothrow) olim_json_indexer());
    if (!indexer) return nullptr;
    auto chosen = simdjson::get_active_implementation().operator->();
    // The depth is the second stage's, which is never run.
    if (chosen->create_dom_parser_implementation(maximum_bytes, 1, indexer->implementation)) return nullptr;
    return indexer.release();
}

void olim_json_indexer_destroy(olim_json_indexer *indexer) { delete indexer; }

const uint32_t *olim_json_index(olim_json_indexer *indexer, const char *bytes, size_t length, size_t *count) {
    auto &implementation = *indexer->implementation;
    auto error = implementation.stage1(
        reinterpret_cast<const uint8_t *>(bytes), length, simdjson::stage1_mode::regular);
    if (error) return nullptr;
    *count = implementation.n_structural_indexes;
    return implementation.structural_indexes.get();
}

} // extern "C"
