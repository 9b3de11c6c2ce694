// NATS JetStream as a queue: a file-backed stream that drops what is acknowledged, with one subject and one durable
// pull consumer for each consumer, so that a guild's events stay in order.
//
//   nats_jetstream setup   URL CONSUMERS ACKS
//   nats_jetstream consume URL BOOKS INDEX BATCH ACKS
//   nats_jetstream produce URL BOOKS CONSUMERS MESSAGES EVENTS BACKLOG PENDING
//
// ACKS: `each`, a work queue, which wants every message acknowledged; or `all`, a stream kept by interest, where the
// acknowledgement of a message is one of all before it.
#include <nats/nats.h>

#include "common.h"

static void check(natsStatus status, const char *what) {
    if (status != NATS_OK) fail(what, nats_GetLastError(NULL) ? nats_GetLastError(NULL) : natsStatus_GetText(status));
}

static natsConnection *connect_to(const char *url) {
    natsOptions *options;
    natsConnection *connection;
    check(natsOptions_Create(&options), "options");
    check(natsOptions_SetURL(options, url), "url");
    check(natsOptions_SetIOBufSize(options, 256 << 10), "buffer");
    check(natsConnection_Connect(&connection, options), url);
    return connection;
}

static void setup(jsCtx *stream, unsigned consumers, int acks_all) {
    const char *subjects[] = {"q.*"};
    jsStreamConfig settings;
    jsErrCode code;
    jsStreamConfig_Init(&settings);
    settings.Name = "Q";
    settings.Subjects = subjects;
    settings.SubjectsLen = 1;
    settings.Retention = acks_all ? js_InterestPolicy : js_WorkQueuePolicy;
    settings.Storage = js_FileStorage;
    check(js_AddStream(NULL, stream, &settings, NULL, &code), "stream");
    for (unsigned index = 0; index < consumers; index++) {
        char name[16], subject[16];
        snprintf(name, sizeof name, "c%u", index);
        snprintf(subject, sizeof subject, "q.%u", index);
        jsConsumerConfig consumer;
        jsConsumerConfig_Init(&consumer);
        consumer.Durable = name;
        consumer.FilterSubject = subject;
        consumer.AckPolicy = acks_all ? js_AckAll : js_AckExplicit;
        consumer.MaxAckPending = 100000;
        check(js_AddConsumer(NULL, stream, "Q", &consumer, NULL, &code), "consumer");
    }
}

static void publish_failed(jsCtx *stream, jsPubAckErr *error, void *closure) {
    (void)stream, (void)closure;
    fail("publish", error->ErrText ? error->ErrText : "failed");
}

static void produce(jsCtx *stream, char **arguments) {
    struct tally *books = map_file(arguments[0], 1, NULL);
    unsigned consumers = (unsigned)atoi(arguments[1]);
    size_t distinct;
    struct message *messages = read_messages(arguments[2], consumers, &distinct);
    uint64_t events = strtoull(arguments[3], NULL, 10), backlog = strtoull(arguments[4], NULL, 10);
    static char data[1 << 20];
    struct tally book = {0};
    wait_for_go();
    for (uint64_t number = 1; number <= events; number++) {
        const struct message *message = &messages[(number - 1) % distinct];
        char subject[] = {'q', '.', (char)('0' + message->partition), 0};
        memcpy(data, &number, NUMBER_BYTES);
        memcpy(data + NUMBER_BYTES, message->data, message->length);
        count(&book, number, message->length);
        check(js_PublishAsync(stream, subject, data, (int)(message->length + NUMBER_BYTES), NULL), "publish");
        if (number % 256 == 0) keep_backlog(books, consumers, number, backlog);
    }
    check(js_PublishAsyncComplete(stream, NULL), "completion");
    book.ended = seconds();
    books[consumers] = book;
}

static void consume(natsConnection *connection, jsCtx *stream, char **arguments) {
    struct tally *place = (struct tally *)map_file(arguments[0], 1, NULL) + atoi(arguments[1]);
    int batch = atoi(arguments[2]), acks_all = strcmp(arguments[3], "all") == 0;
    char name[16], subject[16];
    snprintf(name, sizeof name, "c%s", arguments[1]);
    snprintf(subject, sizeof subject, "q.%s", arguments[1]);
    jsSubOptions options;
    jsErrCode code;
    jsSubOptions_Init(&options);
    options.Stream = "Q";
    options.Consumer = name;
    natsSubscription *subscription;
    check(js_PullSubscribe(&subscription, stream, subject, name, NULL, &options, &code), "subscription");
    struct tally book = {0};
    puts("{\"ready\":true}");
    fflush(stdout);
    while (1) {
        natsMsgList list;
        natsStatus status = natsSubscription_Fetch(&list, subscription, batch, 1000, &code);
        if (status == NATS_TIMEOUT) continue;
        check(status, "fetch");
        for (int index = 0; index < list.Count; index++) {
            natsMsg *message = list.Msgs[index];
            uint64_t number;
            memcpy(&number, natsMsg_GetData(message), NUMBER_BYTES);
            count(&book, number, (uint64_t)natsMsg_GetDataLength(message) - NUMBER_BYTES);
            if (!acks_all || index == list.Count - 1) check(natsMsg_Ack(message, NULL), "acknowledgement");
        }
        // A batch that was not full is followed by a pause: the server is to have its acknowledgements before it counts.
        if (list.Count < batch) check(natsConnection_Flush(connection), "flush");
        book.ended = seconds();
        *place = book;
        natsMsgList_Destroy(&list);
    }
}

int main(int count, char **arguments) {
    if (count < 3) fail("nats_jetstream", "see the source for its arguments");
    natsConnection *connection = connect_to(arguments[2]);
    jsOptions options;
    jsCtx *stream;
    jsOptions_Init(&options);
    options.PublishAsync.MaxPending = count == 9 ? atoi(arguments[8]) : 0;
    options.PublishAsync.StallWait = 10000;
    options.PublishAsync.ErrHandler = publish_failed;
    check(natsConnection_JetStream(&stream, connection, &options), "jetstream");
    if (strcmp(arguments[1], "setup") == 0 && count == 5)
        setup(stream, (unsigned)atoi(arguments[3]), strcmp(arguments[4], "all") == 0);
    else if (strcmp(arguments[1], "consume") == 0 && count == 7) consume(connection, stream, arguments + 3);
    else if (strcmp(arguments[1], "produce") == 0 && count == 9) produce(stream, arguments + 3);
    else fail("nats_jetstream", "see the source for its arguments");
    return 0;
}
