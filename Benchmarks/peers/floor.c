// The least that any gateway must do: reads one WebSocket of Discord's, decompresses, and copies what comes into a Unix
// socket, as lines. It neither looks at the JSON nor keeps anything. A child reads the socket and forgets.
//
// usage: floor PORT PATH TOKEN none|zlib|zstd SKIP COUNT
// Says when it has seen the first SKIP messages, and after COUNT more what those cost.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { IN_BYTES = 1 << 16, OUT_BYTES = 8 << 20 };

static unsigned char input[IN_BYTES * 2], output[OUT_BYTES];
static unsigned char *large; // a frame that does not fit the input
static size_t filled, produced;
static int sink;

static void fail(const char *what) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void send_all(int to, const void *bytes, size_t count) {
    const char *next = bytes;
    while (count > 0) {
        ssize_t sent = write(to, next, count);
        if (sent <= 0) fail("write");
        next += sent, count -= (size_t)sent;
    }
}

static void flush(void) {
    send_all(sink, output, produced);
    produced = 0;
}

// A client must mask; a mask of zeros changes nothing.
static void send_text(int to, const char *text) {
    size_t length = strlen(text);
    unsigned char head[8] = {0x81, 0x80 | 126, (unsigned char)(length >> 8), (unsigned char)length};
    send_all(to, head, sizeof head);
    send_all(to, text, length);
}

static z_stream inflater;
static ZSTD_DStream *decompressor;

static void take(const unsigned char *bytes, size_t count, char mode) {
    if (mode == 'n') {
        if (produced + count + 1 > OUT_BYTES) flush();
        memcpy(output + produced, bytes, count);
        produced += count;
    } else if (mode == 'l') {
        inflater.next_in = (unsigned char *)bytes, inflater.avail_in = (unsigned)count;
        while (inflater.avail_in > 0) {
            if (produced + (1 << 16) > OUT_BYTES) flush();
            inflater.next_out = output + produced, inflater.avail_out = (unsigned)(OUT_BYTES - produced - 1);
            int outcome = inflate(&inflater, Z_SYNC_FLUSH);
            if (outcome != Z_OK && outcome != Z_BUF_ERROR) fail("inflate");
            produced = OUT_BYTES - 1 - inflater.avail_out;
        }
    } else {
        ZSTD_inBuffer source = {bytes, count, 0};
        while (source.pos < source.size) {
            if (produced + (1 << 18) > OUT_BYTES) flush();
            ZSTD_outBuffer target = {output, OUT_BYTES - 1, produced};
            if (ZSTD_isError(ZSTD_decompressStream(decompressor, &target, &source))) fail("zstd");
            produced = target.pos;
        }
    }
    output[produced++] = '\n';
}

int main(int argc, char **argv) {
    if (argc != 7) return 64;
    char mode = argv[4][0] == 'n' ? 'n' : argv[4][1] == 'l' ? 'l' : 's';
    long skip = atol(argv[5]), count = atol(argv[6]), seen = 0;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) fail("socketpair");
    pid_t child = fork();
    if (child == 0) {
        static char ignored[1 << 18];
        close(pair[0]);
        while (read(pair[1], ignored, sizeof ignored) > 0) continue;
        _exit(0);
    }
    close(pair[1]);
    sink = pair[0];
    inflateInit(&inflater);
    decompressor = ZSTD_createDStream();

    int discord = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(discord, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
    char text[1024];
    snprintf(text, sizeof text,
             "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", argv[2], argv[1]);
    send_all(discord, text, strlen(text));
    char last[4] = "";
    while (memcmp(last, "\r\n\r\n", 4) != 0) {
        memmove(last, last + 1, 3);
        if (read(discord, last + 3, 1) != 1) fail("no upgrade");
    }
    snprintf(text, sizeof text,
             "{\"op\":2,\"d\":{\"token\":\"%s\",\"intents\":33283,\"properties\":{\"os\":\"linux\",\"browser\":\"floor\","
             "\"device\":\"floor\"},\"shard\":[0,1]}}", argv[3]);
    send_text(discord, text);

    double started = 0, cpu = 0;
    large = malloc(OUT_BYTES);
    while (seen < skip + count) {
        ssize_t got = read(discord, input + filled, sizeof input - filled);
        if (got <= 0) fail("Discord closed");
        filled += (size_t)got;
        size_t at = 0;
        while (filled - at >= 2) {
            size_t length = input[at + 1] & 127, head = 2;
            if (length == 126) head = 4; else if (length == 127) head = 10;
            if (filled - at < head) break;
            if (head > 2) {
                length = 0;
                for (size_t index = 2; index < head; index++) length = length << 8 | input[at + index];
            }
            const unsigned char *payload = input + at + head;
            if (filled - at - head < length) {
                if (length + head <= sizeof input) break;
                // READY of many guilds: read apart.
                if (length > OUT_BYTES) fail("a frame is too long");
                size_t here = filled - at - head;
                memcpy(large, payload, here);
                while (here < length) {
                    got = read(discord, large + here, length - here);
                    if (got <= 0) fail("Discord closed");
                    here += (size_t)got;
                }
                payload = large, at = filled;
            } else {
                at += head + length;
            }
            take(payload, length, mode);
            seen += 1;
            if (seen == skip) {
                puts("{\"ready\":true}");
                fflush(stdout);
            } else if (seen == skip + 1) {
                started = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
            }
        }
        memmove(input, input + at, filled - at);
        filled -= at;
        flush();
    }
    printf("{\"events\":%ld,\"wall_s\":%f,\"cpu_s\":%f}\n", count, now(CLOCK_MONOTONIC) - started,
           now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    fflush(stdout);
    return 0;
}
