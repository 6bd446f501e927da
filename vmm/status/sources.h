// SPDX-License-Identifier: Apache-2.0
/*
 * Included by status.def, each time: what a line does whose source the includer did not define. A reader defines the
 * subjects it wants (GUEST_NUMBER, HOST_NUMBER, PEER_NUMBER, VCPU_NUMBER, CARD_NUMBER) and gets all their lines; who
 * fills numbers defines its source, and gets those.
 */
#ifndef GUEST_NUMBER
#define GUEST_NUMBER(...)
#endif
#ifndef HOST_NUMBER
#define HOST_NUMBER(...)
#endif
#ifndef PEER_NUMBER
#define PEER_NUMBER(...)
#endif
#ifndef VCPU_NUMBER
#define VCPU_NUMBER(...)
#endif
#ifndef CARD_NUMBER
#define CARD_NUMBER(...)
#endif
#ifndef QMP_NAME
#define QMP_NAME(...)
#endif
#ifndef RUN
#define RUN GUEST_NUMBER
#endif
#ifndef PROCESS
#define PROCESS HOST_NUMBER
#endif
#ifndef SPAN
#define SPAN HOST_NUMBER
#endif
#ifndef PAGING
#define PAGING HOST_NUMBER
#endif
#ifndef MACHINE
#define MACHINE HOST_NUMBER
#endif
#ifndef PEER
#define PEER PEER_NUMBER
#endif
#ifndef TRAFFIC
#define TRAFFIC PEER_NUMBER
#endif
#ifndef PAGED
#define PAGED PEER_NUMBER
#endif
#ifndef FRAMES
#define FRAMES PEER_NUMBER
#endif
#ifndef VCPU
#define VCPU VCPU_NUMBER
#endif
#ifndef CARD
#define CARD CARD_NUMBER
#endif
