// SPDX-License-Identifier: Apache-2.0
/* What others may want of a console beside what they may want of every card. */
#ifndef VMM_CARD_CONSOLE_H
#define VMM_CARD_CONSOLE_H

#include "vmm/card/card.h"

/* The window that shows it has so many columns and rows; 0 and 0: not known. c is a console. Any thread. */
void console_card_resize(struct card *c, uint16_t columns, uint16_t rows);

#endif
