// What the C library and the kernel offer for a process's memory.
#pragma once
#include <malloc.h>

/// Gives back the pages of the program and of its libraries that are only ever read. Those that are needed again come back from the
/// page cache, without a copy; those that only the start needed do not.
void olim_give_back_program_pages(void);
