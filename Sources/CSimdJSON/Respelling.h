// What JSON (RFC 8259) allows and simdjson 3.0 refuses, spelled so that it is read all the same. Discord sends neither today;
// an event must not be lost should it begin to.
#pragma once
#include <cstddef>

namespace olim {

/// Copies a text, writing `e0` behind whole numbers beyond 64 bits, which makes doubles of them, and U+FFFD in place of halves of
/// surrogate pairs. Everything else stays as it is, so that what is not JSON is refused as before.
///
/// Writes to `copy` unless that is null. Returns the copy's length, or 0 if there is nothing to respell.
size_t respell(const char *text, size_t length, char *copy);

} // namespace olim
