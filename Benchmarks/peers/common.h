// What the queue's peers have in common: the events they send, and the book each process keeps of those it handled.
#ifndef OLIM_BENCH_COMMON_H
#define OLIM_BENCH_COMMON_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// Every event begins with its number, eight bytes in the machine's order; the message follows.
#define NUMBER_BYTES sizeof(uint64_t)

static inline void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

// One process's place in the file that all processes of a round share; Benchmarks/harness/tally.py reads it.
struct tally {
    uint64_t events;
    uint64_t bytes;    // of messages, without their numbers
    uint64_t checksum; // sum of the mixed numbers: twice and never do not cancel out
    uint64_t first, last;
    uint64_t disorder; // events whose number is not above the one before, in one partition
    double started, ended; // CLOCK_MONOTONIC
};

static inline double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// SplitMix64's finalizer.
static inline uint64_t mixed(uint64_t number) {
    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9u;
    number = (number ^ number >> 27) * 0x94d049bb133111ebu;
    return number ^ number >> 31;
}

static inline void count(struct tally *tally, uint64_t number, uint64_t bytes) {
    if (tally->events == 0) {
        tally->started = seconds();
        tally->first = number;
    } else if (number <= tally->last) {
        tally->disorder += 1;
    }
    tally->events += 1;
    tally->bytes += bytes;
    tally->checksum += mixed(number);
    tally->last = number;
}

static inline void *map_file(const char *path, int writable, size_t *size) {
    int file = open(path, writable ? O_RDWR : O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) fail(path, "cannot be opened");
    void *bytes = mmap(NULL, (size_t)status.st_size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, file, 0);
    if (bytes == MAP_FAILED) fail(path, "cannot be mapped");
    if (size) *size = (size_t)status.st_size;
    close(file);
    return bytes;
}

struct message {
    const char *data;
    size_t length;
    // Events of one guild stay in order if they all go one way: there is a partition for each consumer.
    unsigned partition;
};

// Reads lines of a guild's id, a space, and the message.
static inline struct message *read_messages(const char *path, unsigned partitions, size_t *number) {
    size_t size;
    const char *text = map_file(path, 0, &size), *end = text + size;
    struct message *messages = NULL;
    *number = 0;
    while (text < end) {
        char *message;
        uint64_t guild = strtoull(text, &message, 10);
        const char *line_end = memchr(message, '\n', (size_t)(end - message));
        if (!line_end) fail(path, "ends within a line");
        if (*number % 1024 == 0) messages = realloc(messages, (*number + 1024) * sizeof *messages);
        messages[(*number)++] = (struct message){
            .data = message + 1, .length = (size_t)(line_end - message - 1), .partition = mixed(guild) % partitions};
        text = line_end + 1;
    }
    return messages;
}

// Events that consumers have handled so far; their books are the first in the file.
static inline uint64_t handled(const volatile struct tally *books, unsigned consumers) {
    uint64_t sum = 0;
    for (unsigned index = 0; index < consumers; index++) sum += books[index].events;
    return sum;
}

// Waits until no more than `most` events are under way.
static inline void keep_backlog(const struct tally *books, unsigned consumers, uint64_t sent, uint64_t most) {
    while (sent - handled(books, consumers) > most) usleep(200);
}

// Says that all is prepared, and waits for the word to go.
static inline void wait_for_go(void) {
    puts("{\"ready\":true}");
    fflush(stdout);
    char line[16];
    if (!fgets(line, sizeof line, stdin)) exit(1);
}

#endif
