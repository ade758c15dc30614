#ifndef TROLLEY_DOWNLOAD_RETRIEVE_H_
#define TROLLEY_DOWNLOAD_RETRIEVE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "dimse/association.h"
#include "dimse/association_pool.h"
#include "trolley/context.h"
#include "trolley/error.h"
#include "trolley/references.h"

namespace trolley {

// Shared by C-GET and C-MOVE, PS3.4 annex C.

// The SOP classes of an information model.
struct RetrieveModel {
  std::string_view find, get, move;
};
const RetrieveModel& StudyRoot();
const RetrieveModel& PatientRoot();  // PatientID is not known here and not sent; archives that insist on it refuse

// The identifier of a request for `instances` of `series`, or for all of it when there are none, in Implicit VR Little
// Endian.
std::string RetrieveIdentifier(const SeriesReference& series, std::span<const InstanceReference> instances);

// The final response of a C-GET or C-MOVE.
struct RetrieveResult {
  uint16_t status = 0;
  bool counted = false;  // the archive reported the numbers of sub-operations
  uint32_t completed = 0;
  uint32_t failed = 0;
  uint32_t warnings = 0;
  std::string comment;             // as CommandSet::Comment
  std::set<Uid> failed_instances;  // where the archive lists them, (0008,0058)

  bool some_failed() const { return status != dimse::kSuccess || failed > 0; }
  // The archive refused the request itself: no sub-operation completed or failed.
  bool refused() const { return status != dimse::kSuccess && !sub_operations_failed() && completed == 0; }
  // The archive reports that there was nothing to send.
  bool nothing_to_send() const { return counted && !some_failed() && completed == 0 && warnings == 0; }
  // Sending failed: another transfer syntax or another association may help.
  bool sub_operations_failed() const;
};
// Reads the rest of the final response `message`.
RetrieveResult ReadResult(Association& association, const DimseMessage& message, const Context& context);
// Pending: sub-operations are continuing.
bool IsPending(const CommandSet& response);
// Why instances did not arrive. `doing` completes "Cannot <doing>: ...".
Error ResultError(const RetrieveResult& result, const std::string& doing);

// Queries by C-FIND which of `instances` of `series` exist, and of which storage class they are ("" when the archive
// does not say). nullopt: the archive does not support such queries, or not reliably.
using SopClasses = std::map<Uid, std::string>;
std::optional<SopClasses> FindSopClasses(AssociationPool& pool, const RetrieveModel& model,
                                         const SeriesReference& series, std::span<const InstanceReference> instances,
                                         const Context& context);
// How many instances `series` has; 0: the archive does not say.
size_t CountInstances(AssociationPool& pool, const RetrieveModel& model, const SeriesReference& series,
                      const Context& context);
// The Modality of `series`; "" when the archive does not say.
std::string FindModality(AssociationPool& pool, const RetrieveModel& model, const SeriesReference& series,
                         const Context& context);

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_RETRIEVE_H_
