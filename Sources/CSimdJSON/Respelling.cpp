#include "Respelling.h"

#include <cstdint>
#include <cstring>

namespace {

// Appends to a copy, or only counts.
struct Copy {
    char *bytes;
    size_t length = 0;
    bool differs = false;

    void append(const char *from, size_t count) {
        if (bytes) std::memcpy(bytes + length, from, count);
        length += count;
    }

    void replace(const char *with, size_t count) {
        append(with, count);
        differs = true;
    }
};

bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

bool continues_number(char byte) {
    return is_digit(byte) || byte == '.' || byte == 'e' || byte == 'E' || byte == '+' || byte == '-';
}

// Whether a whole number is beyond what simdjson has a type for: int64 below zero, uint64 above.
bool is_too_big(const char *digits, size_t count, bool negative) {
    const uint64_t limit = negative ? uint64_t(1) << 63 : UINT64_MAX;
    uint64_t value = 0;
    for (size_t place = 0; place < count; ++place) {
        const uint64_t digit = uint64_t(digits[place] - '0');
        if (value > (limit - digit) / 10) return true;
        value = value * 10 + digit;
    }
    return false;
}

// Copies the number that begins at `start`; returns where it ends.
size_t number(const char *text, size_t length, size_t start, Copy &copy) {
    size_t end = start + 1;
    while (end < length && continues_number(text[end])) ++end;
    copy.append(text + start, end - start);
    const bool negative = text[start] == '-';
    const size_t first = start + (negative ? 1 : 0);
    for (size_t place = first; place < end; ++place) {
        if (!is_digit(text[place])) return end;
    }
    if (is_too_big(text + first, end - first, negative)) copy.replace("e0", 2);
    return end;
}

// The value of a `\uXXXX` at `start`; -1 if there is none.
int code_unit(const char *text, size_t length, size_t start) {
    if (length - start < 6 || text[start] != '\\' || text[start + 1] != 'u') return -1;
    int value = 0;
    for (size_t place = start + 2; place < start + 6; ++place) {
        const char byte = text[place];
        int digit;
        if (is_digit(byte)) digit = byte - '0';
        else if (byte >= 'a' && byte <= 'f') digit = byte - 'a' + 10;
        else if (byte >= 'A' && byte <= 'F') digit = byte - 'A' + 10;
        else return -1;
        value = value * 16 + digit;
    }
    return value;
}

bool is_high(int unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low(int unit) { return unit >= 0xDC00 && unit < 0xE000; }

// Copies the escape that begins at `start`; returns where it ends.
size_t escape(const char *text, size_t length, size_t start, Copy &copy) {
    const int unit = code_unit(text, length, start);
    if (is_high(unit) && is_low(code_unit(text, length, start + 6))) {
        copy.append(text + start, 12);
        return start + 12;
    }
    if (is_high(unit) || is_low(unit)) {
        copy.replace("\\ufffd", 6);
        return start + 6;
    }
    const size_t end = start + 2 < length ? start + 2 : length;
    copy.append(text + start, end - start);
    return end;
}

// Copies the string whose quote is at `start`; returns where it ends.
size_t string(const char *text, size_t length, size_t start, Copy &copy) {
    copy.append(text + start, 1);
    size_t position = start + 1;
    while (position < length) {
        if (text[position] == '\\') {
            position = escape(text, length, position, copy);
            continue;
        }
        copy.append(text + position, 1);
        if (text[position++] == '"') break;
    }
    return position;
}

} // namespace

namespace olim {

size_t respell(const char *text, size_t length, char *bytes) {
    Copy copy{bytes};
    size_t position = 0;
    while (position < length) {
        const char byte = text[position];
        if (byte == '"') {
            position = string(text, length, position, copy);
        } else if (is_digit(byte) || byte == '-') {
            position = number(text, length, position, copy);
        } else {
            copy.append(text + position++, 1);
        }
    }
    return copy.differs ? copy.length : 0;
}

} // namespace olim
