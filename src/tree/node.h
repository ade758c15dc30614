#ifndef TROLLEY_TREE_NODE_H_
#define TROLLEY_TREE_NODE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "trolley/query.h"
#include "trolley/references.h"
#include "trolley/uid.h"

namespace trolley {

class View;

// A directory of the mounted tree. Immutable, shared; does not outlive its Tree.
struct Directory {
  std::string path;  // from the mount's root, without leading "/"; "" is the root. Equal paths are the same directory.
  std::shared_ptr<const Directory> parent;  // null for the root
  const View* view = nullptr;               // lists it and finds names in it; owned by the Tree
  // The query that a listing would have sent when this was made (dates in words move on); absent for directories listed
  // from memory, and for patients whose ID no key can express (shown as far as the browse query finds them).
  std::optional<Query> query;
  std::string patient_id;                 // of a patient's directory
  std::optional<StudyReference> study;    // of a study's or series' directory
  std::optional<SeriesReference> series;  // of a series' directory
  int64_t mtime = 0;                      // seconds since the epoch
};
using DirectoryPtr = std::shared_ptr<const Directory>;

// A file: an instance, or one of MOUNT/.trolleyfs made from memory.
struct File {
  DirectoryPtr directory;
  std::optional<Uid> instance;         // absent: a control file
  std::string control;                 // "status.json", ...
  uint64_t estimated_size = 0;         // bytes, never 0; for use while the exact size is unknown
  std::optional<uint64_t> exact_size;  // bytes; present when the archive reported it
  int64_t mtime = 0;                   // seconds since the epoch
  std::optional<uint32_t> number;      // InstanceNumber
  // Precondition: instance.
  InstanceReference reference() const;
};

// Exactly one of the two is set.
struct Node {
  DirectoryPtr directory;
  std::optional<File> file;
};

}  // namespace trolley

#endif  // TROLLEY_TREE_NODE_H_
