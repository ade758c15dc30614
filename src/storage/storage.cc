#include "trolley/storage.h"

namespace trolley {

bool Storage::MayHave(const SeriesReference&) {
  return true;
}

void Storage::Prepare(std::span<const InstanceReference>, const Context&) {}

bool Storage::IsComplete(const InstanceReference&, std::optional<uint64_t>) {
  return false;
}

}  // namespace trolley
