#ifndef TROLLEY_TESTS_DOWNLOAD_DOWNLOADER_CONTRACT_H_
#define TROLLEY_TESTS_DOWNLOAD_DOWNLOADER_CONTRACT_H_

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <sstream>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "download/recording_sink.h"
#include "trolley/error.h"

namespace trolley {

// What can happen to a downloader; an archive of a kind to which something cannot happen leaves it out of its list.
enum class DownloadCase {
  kOne,        // one instance: exact bytes
  kMany,       // many of two series, in one call
  kNone,       // an instance that the archive does not have
  kRefused,    // nobody responds
  kTimeout,    // the archive falls silent in the middle
  kTruncated,  // the archive ends in the middle
  kCancelled,  // the caller gives up while it waits
  kRecovers,   // after a failure the next try works
};

inline std::ostream& operator<<(std::ostream& out, DownloadCase what) {
  constexpr const char* kNames[] = {"One", "Many", "None", "Refused", "Timeout", "Truncated", "Cancelled", "Recovers"};
  return out << kNames[static_cast<size_t>(what)];
}

// An archive for the contract, with a downloader that reaches it.
class DownloadWorld {
 public:
  virtual ~DownloadWorld() = default;
  virtual Downloader& downloader() = 0;
  // All that the archive holds: at least two series, one of them with more than ten instances.
  virtual const std::map<InstanceReference, std::string>& content() const = 0;
  // From now on nobody responds.
  virtual void Refuse() {}
  // From now on a response stops after its first half, the connection stays.
  virtual void FallSilent() {}
  // From now on a response ends after its first half.
  virtual void CutOff() {}
  // All is well again.
  virtual void Recover() {}
  // How long the downloaders of new worlds wait for a silent archive. The contract makes it short where silence is the
  // matter; elsewhere a busy machine must not look like it.
  static inline std::chrono::seconds patience{60};
};

struct DownloadContractParam {
  std::string name;
  std::function<std::unique_ptr<DownloadWorld>()> make;
  DownloadCase what;
};

inline std::ostream& operator<<(std::ostream& out, const DownloadContractParam& param) {
  return out << param.name << param.what;
}

inline std::vector<DownloadContractParam> DownloadContractParams(
    const std::string& name, const std::function<std::unique_ptr<DownloadWorld>()>& make,
    const std::vector<DownloadCase>& cases) {
  std::vector<DownloadContractParam> params;
  for (const DownloadCase what : cases) {
    params.push_back({name, make, what});
  }
  return params;
}

inline std::string DownloadContractName(const testing::TestParamInfo<DownloadContractParam>& info) {
  std::ostringstream out;
  out << info.param;
  return out.str();
}

// INSTANTIATE_TEST_SUITE_P(WadoRs, DownloaderContract, testing::ValuesIn(DownloadContractParams("WadoRs", ...)),
//                          DownloadContractName);
class DownloaderContract : public testing::TestWithParam<DownloadContractParam> {
 protected:
  void SetUp() override {
    DownloadWorld::patience = std::chrono::seconds(GetParam().what == DownloadCase::kTimeout ? 2 : 60);
    world_ = GetParam().make();
  }

  std::vector<InstanceReference> All() const {
    std::vector<InstanceReference> all;
    for (const auto& [instance, bytes] : world_->content()) {
      all.push_back(instance);
    }
    return all;
  }
  InstanceReference First() const { return world_->content().begin()->first; }

  // The download as a whole, as callers see it: what it threw, if anything.
  std::optional<ErrorCode> Download(const std::vector<InstanceReference>& instances, const Context& context = {}) {
    sink_ = RecordingSink();
    return CodeOf([&] { world_->downloader().Download(instances, sink_, context); });
  }
  // Why `instance` failed, however it was told.
  std::optional<ErrorCode> Failure(const InstanceReference& instance, const Context& context = {}) {
    const std::optional<ErrorCode> thrown = Download({instance}, context);
    EXPECT_TRUE(sink_.whole.empty()) << "a failed instance was told to be whole";
    EXPECT_TRUE(sink_.missing.empty()) << "a failed instance was told to be missing";
    const auto failed = sink_.failed.find(instance);
    return thrown ? thrown : failed == sink_.failed.end() ? std::nullopt : std::optional(failed->second);
  }

  std::unique_ptr<DownloadWorld> world_;
  RecordingSink sink_;
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_DOWNLOAD_DOWNLOADER_CONTRACT_H_
