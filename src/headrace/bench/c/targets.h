/* What both programs take on the command line, and the sockets and clocks that they share.
 *
 *   PROGRAM PORT FIRST_ADDRESS COUNT TARGET_PORT                    relay what comes to 127.0.0.1:PORT, until killed
 *   PROGRAM PORT FIRST_ADDRESS COUNT TARGET_PORT SECONDS PACKETS    send bursts of PACKETS as fast as possible
 *
 * The targets are COUNT addresses from FIRST_ADDRESS on, all at TARGET_PORT.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

enum { HEADER_BYTES = 16, PAYLOAD_BYTES = 1316, DATAGRAM_BYTES = HEADER_BYTES + PAYLOAD_BYTES };
enum { MAX_DATAGRAM_BYTES = 1500, BUFFER_BYTES = 8 << 20 };

struct plan {
    int port, count, packets;
    double flood_seconds;
    struct sockaddr_in *targets;
};

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static struct plan read_plan(int argc, char **argv) {
    if (argc != 5 && argc != 7) {
        fprintf(stderr, "usage: %s PORT FIRST_ADDRESS COUNT TARGET_PORT [SECONDS PACKETS]\n", argv[0]);
        exit(2);
    }
    struct plan plan = {.port = atoi(argv[1]), .count = atoi(argv[3])};
    if (argc == 7) {
        plan.flood_seconds = atof(argv[5]);
        plan.packets = atoi(argv[6]);
    }
    in_addr_t first = ntohl(inet_addr(argv[2]));
    plan.targets = calloc(plan.count, sizeof *plan.targets);
    if (plan.targets == NULL)
        fail("calloc");
    for (int i = 0; i < plan.count; i++) {
        plan.targets[i].sin_family = AF_INET;
        plan.targets[i].sin_addr.s_addr = htonl(first + i);
        plan.targets[i].sin_port = htons(atoi(argv[4]));
    }
    return plan;
}

static int open_socket(int port) {
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    int bytes = BUFFER_BYTES;
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(port)};
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (udp < 0 || bind(udp, (struct sockaddr *)&own, sizeof own) < 0)
        fail("bind");
    /* Past net.core.*mem_max where we may, else as much as the system grants: as Headrace does. */
    if (setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
        setsockopt(udp, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    if (setsockopt(udp, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
        setsockopt(udp, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    puts("ready");
    fflush(stdout);
    return udp;
}

static double clock_seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

/* Call send_burst until the plan's seconds are over, and print what it took. */
static void flood(const struct plan *plan, long (*send_burst)(void)) {
    double started = clock_seconds(CLOCK_MONOTONIC), ran = clock_seconds(CLOCK_PROCESS_CPUTIME_ID), now;
    long datagrams = 0;
    do {
        datagrams += send_burst();
        now = clock_seconds(CLOCK_MONOTONIC);
    } while (now - started < plan->flood_seconds);
    ran = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - ran;
    printf("{\"datagrams\": %ld, \"seconds\": %.6f, \"processor_seconds\": %.6f}\n", datagrams, now - started, ran);
}
