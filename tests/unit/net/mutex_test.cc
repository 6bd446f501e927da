// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>
#include <semaphore.h>
#include <string>
#include <thread>
#include <unistd.h>

extern "C" {
#include "net/loop.h"
#include "net/mutex.h"
#include "net/now.h"
}

namespace
{

// As proc(5) counts: -1 - R for the real-time priority R, lent ones included, and from 0 on for ordinary threads.
int priority(pid_t tid)
{
	std::ifstream f("/proc/self/task/" + std::to_string(tid) + "/stat");
	std::string all((std::istreambuf_iterator<char>(f)), {});
	size_t at = all.rfind(')') + 1;
	for (int field = 3; field < 18; field++)
		at = all.find(' ', at + 1);
	return std::stoi(all.substr(at + 1));
}

struct Holder { // an ordinary thread that holds the mutex until it is told not to
	pthread_mutex_t mutex;
	sem_t held, end;
	pid_t tid = 0;
	std::thread thread;
	Holder()
	{
		mutex_init(&mutex);
		sem_init(&held, 0, 0);
		sem_init(&end, 0, 0);
		thread = std::thread([this] {
			tid = gettid();
			pthread_mutex_lock(&mutex);
			sem_post(&held);
			sem_wait(&end);
			pthread_mutex_unlock(&mutex);
		});
		sem_wait(&held);
	}
	~Holder()
	{
		thread.join();
	}
};

TEST(Mutex, WhoWaitsLendsThePriorityToWhoHolds)
{
	Holder h;
	int first = 0;
	std::thread waiter([&] {
		loop_go_first(2);
		first = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
		sem_post(&h.held);
		pthread_mutex_lock(&h.mutex);
		pthread_mutex_unlock(&h.mutex);
	});
	sem_wait(&h.held);
	bool lent = false;
	for (uint64_t end = now_ns() + 10'000'000'000u; first == SCHED_FIFO && !lent && now_ns() < end; usleep(100))
		lent = priority(h.tid) == -3;
	sem_post(&h.end);
	waiter.join();
	if (first != SCHED_FIFO)
		GTEST_SKIP() << "no right to a real-time priority here";
	EXPECT_TRUE(lent) << "the holder's own priority is " << priority(getpid());
}

} // namespace
