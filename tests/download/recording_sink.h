#ifndef TROLLEY_TESTS_DOWNLOAD_RECORDING_SINK_H_
#define TROLLEY_TESTS_DOWNLOAD_RECORDING_SINK_H_

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "trolley/downloader.h"
#include "trolley/error.h"

namespace trolley {

// Keeps what a downloader tells, and fails the test when it tells it in a wrong order.
class RecordingSink : public DownloadSink {
 public:
  void OnBegin(const InstanceReference& instance, std::optional<uint64_t> length) override {
    EXPECT_FALSE(current) << "an instance began before the other one ended";
    ExpectFirstWord(instance);
    current = instance;
    lengths[instance] = length;
    bytes.clear();
  }
  void OnData(std::span<const std::byte> piece) override {
    EXPECT_TRUE(current) << "bytes of no instance";
    longest_piece = std::max(longest_piece, piece.size());
    bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    if (on_data) {
      on_data();
    }
  }
  void OnEnd() override {
    ASSERT_TRUE(current) << "the end of no instance";
    const std::optional<uint64_t> length = lengths[*current];
    EXPECT_TRUE(!length || *length == bytes.size()) << "not the length that was told";
    whole[*current] = bytes;
    current.reset();
  }
  void OnMissing(const InstanceReference& instance) override {
    ExpectFirstWord(instance);
    missing.push_back(instance);
  }
  void OnFailed(const InstanceReference& instance, const Error& error) override {
    if (current == instance) {
      current.reset();
    } else {
      ExpectFirstWord(instance);
    }
    failed[instance] = error.code();
    messages[instance] = error.what();
  }

  std::map<InstanceReference, std::string> whole;
  std::map<InstanceReference, std::optional<uint64_t>> lengths;
  std::vector<InstanceReference> missing;
  std::map<InstanceReference, ErrorCode> failed;
  std::map<InstanceReference, std::string> messages;
  std::optional<InstanceReference> current;  // begun and not ended
  std::string bytes;                         // of the current one, or the latest
  size_t longest_piece = 0;
  std::function<void()> on_data;

 private:
  void ExpectFirstWord(const InstanceReference& instance) const {
    EXPECT_FALSE(whole.contains(instance)) << "it was whole already";
    EXPECT_FALSE(failed.contains(instance)) << "it had failed already";
    EXPECT_EQ(std::count(missing.begin(), missing.end(), instance), 0) << "it was missing already";
  }
};

// The code of the Error that `function` throws; nullopt when it throws none.
inline std::optional<ErrorCode> CodeOf(const std::function<void()>& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.code();
  }
  return std::nullopt;
}

}  // namespace trolley

#endif  // TROLLEY_TESTS_DOWNLOAD_RECORDING_SINK_H_
