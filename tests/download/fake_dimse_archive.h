#ifndef TROLLEY_TESTS_DOWNLOAD_FAKE_DIMSE_ARCHIVE_H_
#define TROLLEY_TESTS_DOWNLOAD_FAKE_DIMSE_ARCHIVE_H_

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "dicom/file_meta_writer.h"
#include "dicom/identifier.h"
#include "dimse/pdu.h"
#include "support/fake_scp.h"

namespace trolley {

inline constexpr const char* kCt = "1.2.840.10008.5.1.4.1.1.2";
inline constexpr const char* kExplicitLe = "1.2.840.10008.1.2.1";
inline constexpr const char* kJpegLs = "1.2.840.10008.1.2.4.80";

struct FakeInstance {
  std::string sop_class = kCt;
  std::string syntax = kExplicitLe;
  std::string data_set;
};

// A data set in little endian with this SOPInstanceUID.
inline std::string FakeDataSet(const std::string& uid, const std::string& sop_class = kCt, size_t pixels = 100) {
  return EncodeIdentifier({{tag::kSOPClassUID, sop_class}, {tag::kSOPInstanceUID, uid}}, true, "") +
         std::string("\xe0\x7f\x10\0OW\0\0", 8) + static_cast<char>(pixels & 0xff) +
         static_cast<char>(pixels >> 8 & 0xff) + static_cast<char>(pixels >> 16 & 0xff) + '\0' +
         std::string(pixels, 'p');
}

inline std::string FakeFile(const std::string& uid, const FakeInstance& instance) {
  const std::vector<std::byte> prefix = Part10Prefix({Uid(uid), instance.sop_class, instance.syntax});
  return std::string(reinterpret_cast<const char*>(prefix.data()), prefix.size()) + instance.data_set;
}

// An archive that does C-FIND and C-GET of instances, and misbehaves as its fields say. All instances are of one
// series.
struct FakeGetArchive {
  std::map<std::string, FakeInstance> instances;
  bool finds = true;                     // offers C-FIND
  bool tells_classes = true;             // in the rows
  bool first_context_only = false;       // as dcmqrscp: fails what is not stored in a class's first context
  bool takes_lists = true;               // else A900
  bool takes_series = true;              // likewise
  bool tells_count = true;               // of a series' instances
  std::set<std::string> left_out;        // of a series, without a word
  bool counts = true;                    // the sub-operations, in the final response
  std::set<std::string> broken;          // fail
  std::optional<uint16_t> final_status;  // instead of doing anything
  std::string comment;                   // of the final response
  std::vector<std::string> extra;        // are sent as well
  std::atomic<int> gets{0};
  std::atomic<int> series_gets{0};  // of these, without a list
  std::atomic<int> finds_asked{0};

  FakeScp::Script Script() {
    return [this](FakeConversation& talk) {
      internal::AssociatePdu request = talk.ReceiveRequest();
      if (!finds) {
        std::erase_if(request.contexts,
                      [](const auto& context) { return context.abstract_syntax == "1.2.840.10008.5.1.4.1.2.2.1"; });
      }
      talk.Accept(request);
      while (const auto message = talk.Receive()) {
        if (message->command.field() == dimse::kCFindRq) {
          Find(talk, *message);
        } else if (message->command.field() == dimse::kCGetRq) {
          Get(talk, *message, request);
        }
      }
    };
  }

  void Find(FakeConversation& talk, const FakeMessage& message) {
    ++finds_asked;
    const Attributes keys = DecodeIdentifier(message.data_set, false, "ISO_IR 100");
    if (keys.Get(tag::kSOPInstanceUID).empty() && tells_count) {
      const std::map<Tag, std::string> row = {{tag::kSeriesInstanceUID, std::string(keys.Get(tag::kSeriesInstanceUID))},
                                              {tag::kNumberOfSeriesRelatedInstances, std::to_string(instances.size())}};
      talk.Respond(message, dimse::kPending, EncodeIdentifier(row, false, ""));
    }
    for (const std::string_view uid : Split(keys.Get(tag::kSOPInstanceUID), '\\')) {
      const auto found = instances.find(std::string(uid));
      if (found != instances.end()) {
        std::map<Tag, std::string> row = {{tag::kSOPInstanceUID, found->first}};
        if (tells_classes) {
          row[tag::kSOPClassUID] = found->second.sop_class;
        }
        talk.Respond(message, dimse::kPending, EncodeIdentifier(row, false, ""));
      }
    }
    talk.Respond(message, dimse::kSuccess);
  }

  // The context that an instance goes over; nullopt: none will do.
  std::optional<uint8_t> ContextOf(const FakeInstance& instance, const internal::AssociatePdu& request) const {
    for (const internal::PduContext& context : request.contexts) {
      if (context.abstract_syntax == instance.sop_class) {
        if (context.transfer_syntaxes.front() == instance.syntax) {
          return context.id;
        }
        if (first_context_only) {
          return std::nullopt;
        }
      }
    }
    return std::nullopt;
  }

  void Get(FakeConversation& talk, const FakeMessage& message, const internal::AssociatePdu& request) {
    ++gets;
    const Attributes keys = DecodeIdentifier(message.data_set, false, "ISO_IR 100");
    std::vector<std::string> wanted;
    for (const std::string_view uid : Split(keys.Get(tag::kSOPInstanceUID), '\\')) {
      wanted.emplace_back(uid);
    }
    const bool whole = keys.Get(tag::kSOPInstanceUID).empty();
    if (whole) {
      ++series_gets;
      wanted.clear();
      for (const auto& [uid, instance] : instances) {
        if (!left_out.contains(uid)) {
          wanted.push_back(uid);
        }
      }
    }
    if (final_status || (whole ? !takes_series : !takes_lists && wanted.size() > 1)) {
      End(talk, message, final_status.value_or(0xA900), 0, 0, "");
      return;
    }
    wanted.insert(wanted.end(), extra.begin(), extra.end());
    int completed = 0;
    std::string failed;
    int failures = 0;
    for (const std::string& uid : wanted) {
      const auto found = instances.find(uid);
      if (found == instances.end()) {
        continue;
      }
      const auto context = ContextOf(found->second, request);
      if (!context || broken.contains(uid)) {
        failed += (failed.empty() ? "" : "\\") + uid;
        ++failures;
        continue;
      }
      CommandSet store(dimse::kCStoreRq);
      store.SetUid(dimse::kAffectedSopClassUid, found->second.sop_class)
          .SetUid(dimse::kAffectedSopInstanceUid, uid)
          .SetNumber(dimse::kMessageId, static_cast<uint16_t>(100 + completed))
          .SetNumber(dimse::kPriority, 0);
      talk.Send(*context, store, found->second.data_set);
      const auto response = talk.Receive();
      if (!response || response->command.status() != dimse::kSuccess) {
        ++failures;
        continue;
      }
      ++completed;
    }
    End(talk, message, failures == 0 ? 0 : completed == 0 ? 0xA702 : 0xB000, completed, failures, failed);
  }

  void End(FakeConversation& talk, const FakeMessage& message, uint16_t status, int completed, int failures,
           const std::string& failed) const {
    CommandSet end(dimse::kCGetRsp);
    end.SetUid(dimse::kAffectedSopClassUid, message.command.Text(dimse::kAffectedSopClassUid))
        .SetNumber(dimse::kMessageIdBeingRespondedTo, message.command.Number(dimse::kMessageId).value_or(0))
        .SetNumber(dimse::kStatus, status);
    if (counts) {
      end.SetNumber(dimse::kCompletedSubOperations, static_cast<uint16_t>(completed))
          .SetNumber(dimse::kFailedSubOperations, static_cast<uint16_t>(failures))
          .SetNumber(dimse::kWarningSubOperations, 0);
    }
    if (!comment.empty()) {
      end.SetText(dimse::kErrorComment, comment);
    }
    if (failed.empty()) {
      talk.Send(message.context_id, end);
    } else {
      talk.Send(message.context_id, end, EncodeIdentifier({{Tag{0x00080058}, failed}}, false, ""));
    }
  }
};

}  // namespace trolley

#endif  // TROLLEY_TESTS_DOWNLOAD_FAKE_DIMSE_ARCHIVE_H_
