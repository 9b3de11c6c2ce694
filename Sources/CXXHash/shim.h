#pragma once
#include <stddef.h>
#include <stdint.h>
// Everything inline: nothing of the library is needed when the program runs. That mode renames its functions by macros, which Swift
// does not see, hence the function here.
#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t xxh3_64bits(const void *bytes, size_t count, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes, count, seed);
}
