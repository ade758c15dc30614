#ifndef TROLLEY_DOWNLOAD_C_GET_C_GET_EXPERIENCE_H_
#define TROLLEY_DOWNLOAD_C_GET_C_GET_EXPERIENCE_H_

#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "base/mutex.h"
#include "download/storage_contexts.h"
#include "trolley/references.h"

namespace trolley {

// Remembers facts about one archive that C-GET has learned: storage classes of series, the proposal of transfer
// syntaxes that works, whether lists of UIDs are accepted. Thread-safe.
class CGetExperience {
 public:
  std::string ClassOf(const SeriesReference& series) const {
    const MutexLock lock(mutex_);
    const auto found = classes_.find(series);
    return found == classes_.end() ? "" : found->second;
  }
  void RememberClass(const SeriesReference& series, const std::string& sop_class) {
    constexpr size_t kMany = 20000;
    const MutexLock lock(mutex_);
    if (classes_.size() >= kMany) {
      classes_.clear();
    }
    classes_[series] = sop_class;
  }
  SyntaxChoice ChoiceFor(const std::string& sop_class) const {
    const MutexLock lock(mutex_);
    const auto found = choices_.find(sop_class);
    return found == choices_.end() ? SyntaxChoice(kEachSyntax) : found->second;
  }
  void RememberChoice(const std::string& sop_class, const SyntaxChoice& choice) {
    const MutexLock lock(mutex_);
    choices_[sop_class] = choice;
  }
  // Every other choice failed for an instance of the class, although the archive does send this class.
  bool ChoicesAreHopeless(const std::string& sop_class) const {
    const MutexLock lock(mutex_);
    return hopeless_.contains(sop_class);
  }
  void RememberHopelessChoices(const std::string& sop_class) {
    const MutexLock lock(mutex_);
    hopeless_.insert(sop_class);
  }
  bool AcceptsLists() const {
    const MutexLock lock(mutex_);
    return accepts_lists_;
  }
  void RememberNoLists() {
    const MutexLock lock(mutex_);
    accepts_lists_ = false;
  }

 private:
  mutable Mutex mutex_;
  std::unordered_map<SeriesReference, std::string> classes_ TROLLEY_GUARDED_BY(mutex_);
  std::map<std::string, SyntaxChoice> choices_ TROLLEY_GUARDED_BY(mutex_);
  std::set<std::string> hopeless_ TROLLEY_GUARDED_BY(mutex_);
  bool accepts_lists_ TROLLEY_GUARDED_BY(mutex_) = true;
};

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_C_GET_C_GET_EXPERIENCE_H_
