// Fetches a whole series into the cache, as a mount does for somebody who reads all of it, without FUSE:
// fill_cache CONFIG ARCHIVE CACHE STUDY SERIES [OUT]
// Prints what the listing took, and what it took from then until all of the series was in the cache, in seconds. With
// OUT, the files are copied from the cache to there afterwards, for comparison.
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "archive/archive.h"
#include "trolley/context.h"

namespace {

using namespace trolley;

double Since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void Copy(OpenedInstance& from, const std::filesystem::path& to) {
  std::vector<std::byte> bytes(from.size());
  if (from.TryRead(0, bytes) != bytes.size()) {
    throw std::runtime_error("an instance is not whole");
  }
  std::ofstream(to, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

void Run(char** argv) {
  ArchiveConfig config = ResolveArchive(argv[2], LoadConfig(std::filesystem::path(argv[1])));
  config.cache_directory = argv[3];
  const std::string out = argv[6] == nullptr ? "" : argv[6];
  Archive archive(std::move(config));
  const Context context = Context::WithTimeout(std::chrono::minutes(10));
  archive.CheckReachable(context);

  const auto begin = Clock::now();
  const auto node = archive.tree().Resolve(std::string("studies/") + argv[4] + "/" + argv[5], context);
  if (!node || node->directory == nullptr) {
    throw std::runtime_error("no such series");
  }
  const ListingPtr listing = archive.tree().List(node->directory, context);
  std::vector<InstanceReference> instances;
  for (size_t i = 0; i < listing->size(); ++i) {
    instances.push_back(listing->node(i).file.value().reference());
  }
  const double listed = Since(begin);

  const auto listed_at = Clock::now();
  std::vector<Uid> uids;
  for (const InstanceReference& instance : instances) {
    uids.push_back(instance.instance);
  }
  Retriever& retriever = archive.retriever();
  retriever.Expect(instances.front().series_reference(), uids);
  for (const InstanceReference& instance : instances) {
    if (retriever.Open(instance, context) == nullptr) {
      throw std::runtime_error("the archive has no instance " + instance.instance.str());
    }
  }
  archive.instance_cache()->Flush();  // on disk, and in the index
  std::printf("%.6f %.6f\n", listed, Since(listed_at));
  const RetrieverStatus status = retriever.Status();
  std::fprintf(stderr, "fill_cache: %lu requests for one instance, %lu for many\n", status.transfers, status.batches);

  if (out.empty()) {
    return;
  }
  const uint64_t transfers = retriever.Status().transfers + retriever.Status().batches;
  for (const InstanceReference& instance : instances) {
    const auto opened = retriever.Open(instance, context);
    Copy(*opened, out + "/" + instance.instance.str());
  }
  if (retriever.Status().transfers + retriever.Status().batches != transfers) {
    throw std::runtime_error("not all of it was in the cache");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6 && argc != 7) {
    std::fprintf(stderr, "usage: %s CONFIG ARCHIVE CACHE STUDY SERIES [OUT]\n", argv[0]);
    return 2;
  }
  try {
    Run(argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fill_cache: %s\n", error.what());
    return 1;
  }
  return 0;
}
