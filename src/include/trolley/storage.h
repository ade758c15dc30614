#ifndef TROLLEY_STORAGE_H_
#define TROLLEY_STORAGE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "trolley/context.h"
#include "trolley/references.h"

namespace trolley {

// An instance while it is being stored. When it goes away without a Commit, nothing of it remains.
class InstanceWriter {
 public:
  virtual ~InstanceWriter() = default;
  // The next bytes of the Part-10 file. Throws kNoSpace when the disk is full, kStorage for other trouble.
  virtual void Append(std::span<const std::byte> piece) = 0;
  // It is whole: from now on it is seen under its name, all of it at once. Throws as Append does.
  virtual void Commit() = 0;
};

// Where downloaded instances go. Thread-safe: several series are stored at the same time; a writer is used by one
// thread at any moment. Your own storage is a subclass: of this, or of DirectoryStorage when only the names differ.
class Storage {
 public:
  virtual ~Storage() = default;

  // Whether IsComplete() may be true of an instance of the series, or Prepare() is needed for it. When not, its
  // instances need not be listed: the series may be downloaded as a whole.
  virtual bool MayHave(const SeriesReference& series);
  // Told of instances, all of one series, before IsComplete() and Begin() are asked about them. For storages that must
  // look something up first.
  virtual void Prepare(std::span<const InstanceReference> instances, const Context& context);
  // Whether it is here already, whole, so that it need not be fetched again. `size` of the archive's file when known.
  virtual bool IsComplete(const InstanceReference& instance, std::optional<uint64_t> size);
  // `length` in bytes when it is known; a writer need not check it. What is there already is replaced at Commit().
  virtual std::unique_ptr<InstanceWriter> Begin(const InstanceReference& instance, std::optional<uint64_t> length) = 0;
};

}  // namespace trolley

#endif  // TROLLEY_STORAGE_H_
