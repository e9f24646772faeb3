/* The least that sending can cost: one sendmmsg for a burst to all targets, one segmented message for each of them.
 *
 * Header and payload of a packet are two iovecs. All tables are made once; for a burst only pointers to payloads
 * change, and where it relays the headers, each with the target's number as its socket id. It knows no protocol.
 * See targets.h for the command line.
 *
 * Source: sendmmsg(2), udp(7).
 */
#include "targets.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { MAX_BURST = 32, MAX_MESSAGES = 1024 };

static struct plan plan;
static int udp;
static char payloads[MAX_BURST][MAX_DATAGRAM_BYTES];
static char (*headers)[MAX_BURST][HEADER_BYTES];
static struct iovec (*iovecs)[2 * MAX_BURST];
static struct mmsghdr *messages;
static union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
} segment_size;

static void set_segment_size(uint16_t bytes) {
    memcpy(CMSG_DATA(&segment_size.header), &bytes, sizeof bytes);
}

static void make_tables(void) {
    headers = calloc(plan.count, sizeof *headers);
    iovecs = calloc(plan.count, sizeof *iovecs);
    messages = calloc(plan.count, sizeof *messages);
    if (headers == NULL || iovecs == NULL || messages == NULL)
        fail("calloc");
    segment_size.header.cmsg_level = IPPROTO_UDP;
    segment_size.header.cmsg_type = UDP_SEGMENT;
    segment_size.header.cmsg_len = CMSG_LEN(sizeof(uint16_t));
    for (int i = 0; i < plan.count; i++) {
        for (int packet = 0; packet < MAX_BURST; packet++) {
            iovecs[i][2 * packet] = (struct iovec){headers[i][packet], HEADER_BYTES};
            iovecs[i][2 * packet + 1] = (struct iovec){payloads[packet] + HEADER_BYTES, PAYLOAD_BYTES};
        }
        struct msghdr *message = &messages[i].msg_hdr;
        message->msg_name = &plan.targets[i];
        message->msg_namelen = sizeof plan.targets[i];
        message->msg_iov = iovecs[i];
        message->msg_control = segment_size.bytes;
        message->msg_controllen = sizeof segment_size.bytes;
    }
}

/* Send the packets first .. end - 1 to all; return how many datagrams the kernel took. */
static long send_packets(int first, int end) {
    long sent = 0;
    for (int i = 0; i < plan.count; i++) {
        messages[i].msg_hdr.msg_iov = &iovecs[i][2 * first];
        messages[i].msg_hdr.msg_iovlen = 2 * (end - first);
    }
    for (int i = 0; i < plan.count;) {
        int many = plan.count - i < MAX_MESSAGES ? plan.count - i : MAX_MESSAGES;
        int done = sendmmsg(udp, messages + i, many, 0);
        sent += done > 0 ? (long)done * (end - first) : 0;
        i += done > 0 ? done : 1; /* A refused message is passed over. */
    }
    return sent;
}

static long send_burst(void) {
    return send_packets(0, plan.packets);
}

/* Give each target its headers of what has come, and send runs of packets that are equally long. */
static void relay(struct mmsghdr *received, int count) {
    for (int i = 0; i < plan.count; i++) {
        uint32_t socket_id = htonl(i + 1);
        for (int packet = 0; packet < count; packet++) {
            memcpy(headers[i][packet], payloads[packet], HEADER_BYTES);
            memcpy(headers[i][packet] + 12, &socket_id, sizeof socket_id);
            iovecs[i][2 * packet + 1].iov_len = received[packet].msg_len - HEADER_BYTES;
        }
    }
    for (int first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && received[end].msg_len == received[first].msg_len;)
            end++;
        set_segment_size(received[first].msg_len);
        send_packets(first, end);
    }
}

int main(int argc, char **argv) {
    plan = read_plan(argc, argv);
    make_tables();
    udp = open_socket(plan.port);
    if (plan.packets > 0) {
        plan.packets = plan.packets < MAX_BURST ? plan.packets : MAX_BURST;
        set_segment_size(DATAGRAM_BYTES);
        flood(&plan, send_burst);
        return 0;
    }
    struct mmsghdr received[MAX_BURST] = {0};
    struct iovec into[MAX_BURST];
    for (int i = 0; i < MAX_BURST; i++) {
        into[i] = (struct iovec){payloads[i], sizeof payloads[i]};
        received[i].msg_hdr = (struct msghdr){.msg_iov = &into[i], .msg_iovlen = 1};
    }
    for (;;) {
        int count = recvmmsg(udp, received, MAX_BURST, MSG_WAITFORONE, NULL);
        int whole = 0;
        while (whole < count && received[whole].msg_len >= HEADER_BYTES)
            whole++; /* What is too short for a header ends the burst. */
        if (whole > 0)
            relay(received, whole);
    }
}
