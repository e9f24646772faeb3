/* A relay as one writes it first: each datagram to each target with a sendto of its own.
 *
 * It knows no protocol, keeps nothing and repairs nothing. See targets.h for the command line.
 */
#include "targets.h"

static struct plan plan;
static int udp;
static char datagram[MAX_DATAGRAM_BYTES];

static long send_to_all(size_t bytes) {
    long sent = 0;
    for (int i = 0; i < plan.count; i++) {
        const struct sockaddr *target = (struct sockaddr *)&plan.targets[i];
        sent += sendto(udp, datagram, bytes, 0, target, sizeof plan.targets[i]) >= 0;
    }
    return sent;
}

static long send_burst(void) {
    long sent = 0;
    for (int i = 0; i < plan.packets; i++)
        sent += send_to_all(DATAGRAM_BYTES);
    return sent;
}

int main(int argc, char **argv) {
    plan = read_plan(argc, argv);
    udp = open_socket(plan.port);
    if (plan.packets > 0) {
        flood(&plan, send_burst);
        return 0;
    }
    for (;;) {
        ssize_t bytes = recv(udp, datagram, sizeof datagram, 0);
        if (bytes >= 0)
            send_to_all(bytes);
    }
}
