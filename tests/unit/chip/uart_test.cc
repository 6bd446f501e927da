// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>
#include <string>

extern "C" {
#include "vmm/chip/uart.h"
}

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = 2 };

struct Uart : ::testing::Test {
	uart u;
	uint64_t now = 1000;

	Uart()
	{
		uart_reset(&u);
	}
	unsigned rd(unsigned reg)
	{
		return uart_read(&u, reg, now);
	}
	int wr(unsigned reg, uint8_t v)
	{
		return uart_write(&u, reg, v, now);
	}
	void in(const std::string &s)
	{
		for (char c : s)
			uart_receive(&u, c, now);
	}
	bool line()
	{
		return uart_line(&u, now);
	}
};

/* The steps of Linux's autoconfig() and autoconfig_16550a(). */
TEST_F(Uart, LinuxFindsA16550A)
{
	wr(IER, 0);
	EXPECT_EQ(0u, rd(IER) & 0xf);
	wr(IER, 0xff);
	EXPECT_EQ(0xfu, rd(IER));
	wr(IER, 0);
	wr(MCR, 0x1a);
	EXPECT_EQ(0x90u, rd(MSR) & 0xf0);
	wr(MCR, 0);
	wr(LCR, 0xbf);
	wr(FCR, 0);
	wr(LCR, 0);
	wr(FCR, 1);
	EXPECT_EQ(0xc0u, rd(IIR) & 0xc0);
	wr(LCR, 0x80);
	EXPECT_NE(0u, rd(2)) << "an EFR of 0 would mean a 16650";
	wr(LCR, 0xbf);
	EXPECT_NE(0u, rd(2));
	wr(LCR, 0);
	wr(FCR, 0x21); // a 16750 would show its 64-byte FIFO
	EXPECT_EQ(0xc0u, rd(IIR) & 0xe0);
	wr(IER, 0x40); // an XScale would keep it
	EXPECT_EQ(0u, rd(IER) & 0x40);
	for (unsigned v = 0; v < 256; v++) {
		wr(SCR, v);
		EXPECT_EQ(v, rd(SCR));
		wr(LCR, v);
		EXPECT_EQ(v, rd(LCR));
	}
}

/* serial8250_do_startup(): neither UART_BUG_TXEN nor UART_BUG_THRE must be found. */
TEST_F(Uart, LinuxFindsNoTransmitBug)
{
	rd(LSR), rd(DATA), rd(IIR), rd(MSR);
	wr(IER, 2);
	unsigned iir1 = rd(IIR);
	wr(IER, 0);
	wr(IER, 2);
	unsigned iir = rd(IIR);
	wr(IER, 0);
	EXPECT_EQ(0u, iir1 & 1);
	EXPECT_EQ(0u, iir & 1);
	wr(IER, 2);
	EXPECT_EQ(0x60u, rd(LSR) & 0x60);
	EXPECT_EQ(0u, rd(IIR) & 1);
}

TEST_F(Uart, TransmitInterrupts)
{
	wr(MCR, 8);
	EXPECT_FALSE(line());
	wr(IER, 2);
	EXPECT_TRUE(line()); // enabling it while empty raises it
	EXPECT_EQ(2u, rd(IIR));
	EXPECT_FALSE(line()); // reading the cause ended it
	EXPECT_EQ(1u, rd(IIR));
	EXPECT_EQ('x', wr(DATA, 'x'));
	EXPECT_TRUE(line());
	wr(IER, 0);
	EXPECT_FALSE(line());
	for (int b = 0; b < 256; b++)
		EXPECT_EQ(b, wr(DATA, b));
	wr(MCR, 0); // OUT2 gates the line
	wr(IER, 2);
	EXPECT_FALSE(line());
	EXPECT_EQ(2u, rd(IIR));
}

TEST_F(Uart, ReceiveWithoutFifo)
{
	wr(MCR, 8);
	wr(IER, 5);
	EXPECT_EQ(1u, uart_room(&u));
	in("a");
	EXPECT_EQ(0u, uart_room(&u));
	EXPECT_TRUE(line());
	EXPECT_EQ(4u, rd(IIR));
	in("b"); // overrun: the new byte replaces the old one
	EXPECT_EQ(6u, rd(IIR));
	EXPECT_EQ(0x63u, rd(LSR));
	EXPECT_EQ(0x61u, rd(LSR)); // reading cleared the error
	EXPECT_EQ((unsigned)'b', rd(DATA));
	EXPECT_FALSE(line());
	EXPECT_EQ(0x60u, rd(LSR));
	EXPECT_EQ(1u, u.overruns);
	EXPECT_EQ(CHIP_NEVER, uart_deadline(&u));
	EXPECT_EQ(0u, rd(DATA));
}

TEST_F(Uart, FifoTriggersAndTimeout)
{
	const unsigned level[] = {1, 4, 8, 14};
	wr(MCR, 8);
	wr(IER, 1);
	wr(LCR, 0x80);
	wr(DATA, 1); // 115200
	wr(IER, 0);
	wr(LCR, 3);
	for (unsigned t = 0; t < 4; t++) {
		wr(FCR, t << 6 | 3);
		EXPECT_EQ(16u, uart_room(&u));
		in(std::string(level[t] - 1, 'x'));
		EXPECT_FALSE(line());
		in("y");
		EXPECT_TRUE(line());
		EXPECT_EQ(0xc4u, rd(IIR));
		rd(DATA);
		EXPECT_FALSE(line());
		if (level[t] == 1)
			continue;
		uint64_t due = uart_deadline(&u); // what is left comes by the timeout
		EXPECT_EQ(now + 4 * 86806, due);
		now = due - 1;
		EXPECT_FALSE(line());
		now = due;
		EXPECT_TRUE(line());
		EXPECT_EQ(0xccu, rd(IIR));
		EXPECT_EQ(CHIP_NEVER, uart_deadline(&u));
		rd(DATA);
		EXPECT_FALSE(line());
	}
}

TEST_F(Uart, FifoKeepsOrderAndOverruns)
{
	wr(FCR, 0xc1);
	in("0123456789abcdefXY");
	EXPECT_EQ(2u, u.overruns);
	EXPECT_EQ(0u, uart_room(&u));
	EXPECT_EQ(0x63u, rd(LSR));
	for (char c : std::string("0123456789abcdef"))
		EXPECT_EQ((unsigned)c, rd(DATA));
	EXPECT_EQ(0x60u, rd(LSR));
	in("zz");
	wr(FCR, 0xc3); // clears
	EXPECT_EQ(0x60u, rd(LSR));
	in("zz");
	wr(FCR, 0); // turning the FIFO off clears it too
	EXPECT_EQ(0x60u, rd(LSR));
	EXPECT_EQ(1u, rd(IIR));
}

TEST_F(Uart, Loopback)
{
	wr(FCR, 1);
	wr(MCR, 0x18);
	EXPECT_EQ(-1, wr(DATA, 'L'));
	EXPECT_EQ(0u, uart_room(&u));
	in("outside");
	EXPECT_EQ((unsigned)'L', rd(DATA));
	EXPECT_EQ(0x60u, rd(LSR));
	wr(IER, 2);
	EXPECT_FALSE(line()); // OUT2's pin is inactive
	const uint8_t map[][2] = {{1, 0x20}, {2, 0x10}, {4, 0x40}, {8, 0x80}};
	for (auto &m : map) {
		wr(MCR, 0x10 | m[0]);
		EXPECT_EQ(m[1], rd(MSR) & 0xf0);
	}
	wr(MCR, 0);
	EXPECT_EQ(0xb0u, rd(MSR) & 0xf0);
	EXPECT_EQ(0xb0u, rd(MSR)); // the deltas were read
}

TEST_F(Uart, ModemInterrupt)
{
	wr(MCR, 8);
	wr(IER, 8);
	EXPECT_FALSE(line());
	wr(MCR, 0x18);
	wr(MCR, 8); // CTS, DSR changed twice
	EXPECT_TRUE(line());
	EXPECT_EQ(0u, rd(IIR));
	rd(MSR);
	EXPECT_EQ(1u, rd(IIR));
	EXPECT_FALSE(line());
}

TEST_F(Uart, RandomUseNeverHurts)
{
	std::mt19937_64 rng(11);
	for (int i = 0; i < 300000; i++) {
		now += rng() % 1000000;
		unsigned reg = rng() % 10;
		int out = wr(reg, rng());
		ASSERT_TRUE(out == -1 || (reg == 0 && out >= 0 && out < 256));
		rd(rng() % 10);
		if (rng() & 1)
			uart_receive(&u, rng(), now);
		ASSERT_LE(u.rx_n, UART_FIFO);
		line();
		ASSERT_GT(uart_deadline(&u), now);
	}
}
