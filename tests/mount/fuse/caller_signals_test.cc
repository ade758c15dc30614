#include "mount/fuse/caller_signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string>

namespace trolley {
namespace {

std::string Status(uint64_t own, uint64_t shared, uint64_t blocked) {
  char text[256];
  std::snprintf(text, sizeof text,
                "Name:\tcat\nSigQ:\t0/1\nSigPnd:\t%016jx\nShdPnd:\t%016jx\nSigBlk:\t%016jx\nSigIgn:\t0\n",
                static_cast<uintmax_t>(own), static_cast<uintmax_t>(shared), static_cast<uintmax_t>(blocked));
  return text;
}

uint64_t Bit(int signal) {
  return uint64_t{1} << (signal - 1);
}

TEST(CallerSignalsTest, EndsForSignalsThatPeopleAndTimersSend) {
  for (const int signal : {SIGINT, SIGTERM, SIGKILL, SIGALRM, SIGHUP, SIGUSR1, SIGTSTP}) {
    EXPECT_TRUE(StatusShowsEndingSignal(Status(Bit(signal), 0, 0))) << signal;
    EXPECT_TRUE(StatusShowsEndingSignal(Status(0, Bit(signal), 0))) << signal;
  }
}

TEST(CallerSignalsTest, GoesOnForSignalsOfRuntimes) {
  for (const int signal : {SIGCHLD, SIGURG, SIGWINCH, SIGPROF, SIGVTALRM, SIGIO, SIGCONT}) {
    EXPECT_FALSE(StatusShowsEndingSignal(Status(Bit(signal), Bit(signal), 0))) << signal;
  }
  EXPECT_FALSE(StatusShowsEndingSignal(Status(0, 0, 0)));
}

TEST(CallerSignalsTest, EndsWhenADeadlySignalIsAmongHarmlessOnes) {
  EXPECT_TRUE(StatusShowsEndingSignal(Status(Bit(SIGURG), Bit(SIGINT), 0)));
}

TEST(CallerSignalsTest, GoesOnForBlockedSignals) {
  EXPECT_FALSE(StatusShowsEndingSignal(Status(Bit(SIGINT), Bit(SIGTERM), Bit(SIGINT) | Bit(SIGTERM))));
}

TEST(CallerSignalsTest, EndsWhenTheCallerCannotBeLookedAt) {
  EXPECT_TRUE(StatusShowsEndingSignal(""));
  EXPECT_TRUE(StatusShowsEndingSignal("Name:\tcat\nSigPnd:\tzz\n"));
  EXPECT_TRUE(HasEndingSignal(0));
  EXPECT_TRUE(HasEndingSignal(INT32_MAX));
}

TEST(CallerSignalsTest, SeesNoSignalInThisThread) {
  EXPECT_FALSE(HasEndingSignal(::gettid()));
}

}  // namespace
}  // namespace trolley
