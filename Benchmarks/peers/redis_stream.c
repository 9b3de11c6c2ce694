// Redis Streams as a queue: one stream with one consumer group for each consumer, so that a guild's events stay in order.
//
//   redis_stream setup   SOCKET CONSUMERS
//   redis_stream consume SOCKET BOOKS INDEX BATCH
//   redis_stream produce SOCKET BOOKS CONSUMERS MESSAGES EVENTS BACKLOG BATCH
#include <hiredis/hiredis.h>

#include "common.h"

static redisContext *connect_to(const char *path) {
    redisContext *redis = redisConnectUnix(path);
    if (!redis || redis->err) fail(path, redis ? redis->errstr : "no memory");
    return redis;
}

// The reply to the next command; it must not be an error.
static redisReply *reply(redisContext *redis) {
    void *reply;
    if (redisGetReply(redis, &reply) != REDIS_OK) fail("redis", redis->errstr);
    redisReply *typed = reply;
    if (typed->type == REDIS_REPLY_ERROR) fail("redis", typed->str);
    return typed;
}

static void setup(redisContext *redis, unsigned consumers) {
    for (unsigned index = 0; index < consumers; index++) {
        redisAppendCommand(redis, "XGROUP CREATE q:%u g $ MKSTREAM", index);
        freeReplyObject(reply(redis));
    }
}

// A command XADD with room for the number; made once for each message.
struct command {
    char *bytes, *number;
    size_t length;
};

static struct command *make_commands(const struct message *messages, size_t number) {
    struct command *commands = malloc(number * sizeof *commands);
    for (size_t index = 0; index < number; index++) {
        const struct message *message = &messages[index];
        char *bytes = malloc(message->length + 128);
        int head = sprintf(
            bytes, "*5\r\n$4\r\nXADD\r\n$3\r\nq:%u\r\n$1\r\n*\r\n$1\r\ne\r\n$%zu\r\n", message->partition,
            message->length + NUMBER_BYTES);
        memcpy(bytes + head + NUMBER_BYTES, message->data, message->length);
        memcpy(bytes + head + NUMBER_BYTES + message->length, "\r\n", 2);
        commands[index] = (struct command){
            .bytes = bytes, .number = bytes + head, .length = (size_t)head + NUMBER_BYTES + message->length + 2};
    }
    return commands;
}

static void produce(redisContext *redis, char **arguments) {
    struct tally *books = map_file(arguments[0], 1, NULL);
    unsigned consumers = (unsigned)atoi(arguments[1]);
    size_t distinct;
    struct message *messages = read_messages(arguments[2], consumers, &distinct);
    struct command *commands = make_commands(messages, distinct);
    uint64_t events = strtoull(arguments[3], NULL, 10), backlog = strtoull(arguments[4], NULL, 10);
    uint64_t batch = strtoull(arguments[5], NULL, 10);
    struct tally book = {0};
    wait_for_go();
    uint64_t answered = 0;
    for (uint64_t number = 1; number <= events; number++) {
        struct command *command = &commands[(number - 1) % distinct];
        memcpy(command->number, &number, NUMBER_BYTES);
        redisAppendFormattedCommand(redis, command->bytes, command->length);
        count(&book, number, messages[(number - 1) % distinct].length);
        if (number % batch != 0 && number != events) continue;
        // Write this batch, then read the answers to the one before: Redis always has one to work at.
        int done = 0;
        while (!done)
            if (redisBufferWrite(redis, &done) != REDIS_OK) fail("redis", redis->errstr);
        for (uint64_t due = number == events ? events : number - batch; answered < due; answered++)
            freeReplyObject(reply(redis));
        keep_backlog(books, consumers, number, backlog);
    }
    book.ended = seconds();
    books[consumers] = book;
}

// Appends XACK for a batch, and removes it: all before its last entry, the only one of this stream's one group.
static void append_done(redisContext *redis, const char *stream, const redisReply *entries) {
    static const char **words;
    static size_t room;
    if (room < entries->elements + 3) {
        room = entries->elements + 3;
        words = realloc(words, room * sizeof *words);
    }
    words[0] = "XACK", words[1] = stream, words[2] = "g";
    for (size_t index = 0; index < entries->elements; index++)
        words[index + 3] = entries->element[index]->element[0]->str;
    redisAppendCommandArgv(redis, (int)entries->elements + 3, words, NULL);
    redisAppendCommand(redis, "XTRIM %s MINID ~ %s", stream, words[entries->elements + 2]);
}

static void consume(redisContext *redis, char **arguments) {
    struct tally *place = (struct tally *)map_file(arguments[0], 1, NULL) + atoi(arguments[1]);
    char stream[16], read[96];
    snprintf(stream, sizeof stream, "q:%s", arguments[1]);
    snprintf(read, sizeof read, "XREADGROUP GROUP g c COUNT %s BLOCK 1000 STREAMS %s >", arguments[2], stream);
    struct tally book = {0};
    puts("{\"ready\":true}");
    fflush(stdout);
    redisAppendCommand(redis, read);
    while (1) {
        redisReply *streams = reply(redis);
        if (streams->type == REDIS_REPLY_NIL) {
            redisAppendCommand(redis, read);
            freeReplyObject(streams);
            continue;
        }
        redisReply *entries = streams->element[0]->element[1];
        for (size_t index = 0; index < entries->elements; index++) {
            redisReply *value = entries->element[index]->element[1]->element[1];
            uint64_t number;
            memcpy(&number, value->str, NUMBER_BYTES);
            count(&book, number, value->len - NUMBER_BYTES);
        }
        // Acknowledgement, removal and the next read go in one write.
        append_done(redis, stream, entries);
        redisAppendCommand(redis, read);
        freeReplyObject(streams);
        freeReplyObject(reply(redis));
        book.ended = seconds();
        *place = book;
        freeReplyObject(reply(redis));
    }
}

int main(int count, char **arguments) {
    if (count < 3) fail("redis_stream", "see the source for its arguments");
    redisContext *redis = connect_to(arguments[2]);
    if (strcmp(arguments[1], "setup") == 0 && count == 4) setup(redis, (unsigned)atoi(arguments[3]));
    else if (strcmp(arguments[1], "consume") == 0 && count == 6) consume(redis, arguments + 3);
    else if (strcmp(arguments[1], "produce") == 0 && count == 9) produce(redis, arguments + 3);
    else fail("redis_stream", "see the source for its arguments");
    return 0;
}
