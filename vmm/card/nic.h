// SPDX-License-Identifier: Apache-2.0
/* What others may want of a network card beside what they may want of every card. */
#ifndef VMM_CARD_NIC_H
#define VMM_CARD_NIC_H

#include "vmm/card/card.h"

/* Whether its cable is plugged in, as an operator has it: at first it is. c is a network card. Any thread. */
void nic_plug(struct card *c, bool in);

#endif
