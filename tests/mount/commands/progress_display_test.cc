#include "mount/commands/progress_display.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace trolley {
namespace {

using std::chrono::seconds;

TEST(ProgressDisplayTest, ShowsInstancesBytesRateAndTimeLeft) {
  DownloadProgress progress;
  progress.found = 300;
  progress.all_found = true;
  progress.done = 150;
  progress.bytes = 78600000;
  EXPECT_EQ(ProgressBar(progress, seconds(2), 200),
            "[##########----------]  50%  150 of 300, 78.6 MB, 39.3 MB/s, 2 s left");
  EXPECT_EQ(ProgressWords(progress, seconds(2)), "150 of 300 instances, 78.6 MB, 39.3 MB/s, 2 s left");
  progress.all_found = false;
  progress.failed = 1;
  EXPECT_EQ(ProgressWords(progress, seconds(2)), "151 of 300+ instances, 78.6 MB, 39.3 MB/s, 1 failed");
}

TEST(ProgressDisplayTest, WhatWasThereDoesNotCountForTheTimeLeft) {
  DownloadProgress progress;
  progress.found = 300;
  progress.all_found = true;
  progress.complete = 200;
  EXPECT_EQ(ProgressWords(progress, seconds(2)), "200 of 300 instances, 0 B, 0 B/s");
  progress.done = 10;
  EXPECT_EQ(ProgressWords(progress, seconds(2)), "210 of 300 instances, 0 B, 0 B/s, 18 s left");
}

TEST(ProgressDisplayTest, FitsTheTerminal) {
  DownloadProgress progress;
  progress.found = 1000000;
  progress.bytes = 123456789012;
  for (size_t width = 0; width < 100; ++width) {
    EXPECT_LE(ProgressBar(progress, seconds(100), width).size(), width);
  }
  EXPECT_EQ(ProgressBar(progress, seconds(100), 50).find('['), std::string::npos) << "the figures say more";
}

TEST(ProgressDisplayTest, SurvivesOddFigures) {
  const DownloadProgress nothing;
  EXPECT_EQ(ProgressBar(nothing, seconds(0), 80), "[--------------------]   0%  0 of 0+, 0 B, 0 B/s");
  DownloadProgress more;  // a study that could not be searched counts as failed, not as found
  more.failed = 3;
  more.all_found = true;
  EXPECT_EQ(ProgressWords(more, seconds(1)), "0 of 0 instances, 0 B, 0 B/s, 3 failed");
}

TEST(ProgressDisplayTest, WritesSizesAndTimes) {
  EXPECT_EQ(ReadableBytes(999), "999 B");
  EXPECT_EQ(ReadableBytes(1000), "1.0 kB");
  EXPECT_EQ(ReadableBytes(157660000), "158 MB");
  EXPECT_EQ(ReadableBytes(999999), "1.0 MB");
  EXPECT_EQ(ReadableBytes(UINT64_MAX), "18447 PB");
  EXPECT_EQ(ReadableTime(seconds(59)), "59 s");
  EXPECT_EQ(ReadableTime(seconds(185)), "3:05 min");
  EXPECT_EQ(ReadableTime(seconds(7380)), "2:03 h");
}

}  // namespace
}  // namespace trolley
