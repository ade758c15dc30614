#include "mount/fuse/inodes.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace trolley {
namespace {

using Correction = PublishedSize::Correction;

DirectoryPtr MakeDirectory(const std::string& path) {
  Directory directory;
  directory.path = path;
  return std::make_shared<const Directory>(std::move(directory));
}

DirectoryPtr MakeSeries(const std::string& path, const std::string& study, const std::string& series) {
  Directory directory;
  directory.path = path;
  directory.study = StudyReference{Uid(study)};
  directory.series = SeriesReference{Uid(study), Uid(series)};
  return std::make_shared<const Directory>(std::move(directory));
}

Node DirectoryNode(const std::string& path) {
  return Node{MakeDirectory(path), std::nullopt};
}

Node InstanceNode(const DirectoryPtr& series, const std::string& uid) {
  File file;
  file.directory = series;
  file.instance = Uid(uid);
  file.estimated_size = 1000;
  return Node{nullptr, file};
}

Node ControlNode(const std::string& name) {
  File file;
  file.directory = MakeDirectory(".trolleyfs");
  file.control = name;
  return Node{nullptr, file};
}

// The instances 1.2.0, 1.2.1 ... of a series.
class SeriesListing : public Listing {
 public:
  SeriesListing(DirectoryPtr directory, size_t size) : directory_(std::move(directory)) {
    for (size_t i = 0; i < size; ++i) {
      uids_.emplace_back("1.2." + std::to_string(i));
    }
  }
  size_t size() const override { return uids_.size(); }
  std::string_view name(size_t index) const override { return uids_[index].str(); }
  bool is_directory(size_t) const override { return false; }
  Node node(size_t index) const override { return InstanceNode(directory_, uids_[index].str()); }
  std::optional<size_t> IndexOf(std::string_view) const override { return std::nullopt; }
  const Uid* instance(size_t index) const override { return &uids_[index]; }
  const SeriesReference* series() const override { return &*directory_->series; }
  std::chrono::system_clock::time_point fetched_at() const override { return {}; }
  bool stale() const override { return false; }

 private:
  const DirectoryPtr directory_;
  std::vector<Uid> uids_;
};

class InodesTest : public testing::Test {
 protected:
  NodeId IdOf(const Node& node) { return inodes_.Remember(node).inode->id; }
  Inodes inodes_{MakeDirectory("")};
};

TEST_F(InodesTest, KnowsTheRootFromTheStart) {
  ASSERT_TRUE(inodes_.Find(kRootNodeId));
  EXPECT_TRUE(inodes_.Find(kRootNodeId).is_directory());
  EXPECT_EQ(IdOf(DirectoryNode("")), kRootNodeId);
  inodes_.Forget(kRootNodeId, 100);
  EXPECT_TRUE(inodes_.Find(kRootNodeId));
}

TEST_F(InodesTest, GivesADirectoryOneInodeForItsPath) {
  const NodeId first = IdOf(DirectoryNode("studies/a"));
  EXPECT_EQ(IdOf(DirectoryNode("studies/a")), first);
  EXPECT_NE(IdOf(DirectoryNode("studies/b")), first);
}

TEST_F(InodesTest, GivesAnInstanceOneInodeWhateverThePath) {
  const NodeId first = IdOf(InstanceNode(MakeSeries("studies/a/b", "1.1", "1.2"), "1.3"));
  EXPECT_EQ(IdOf(InstanceNode(MakeSeries("patients/x/a/b", "1.1", "1.2"), "1.3")), first);
}

TEST_F(InodesTest, TellsEqualInstanceUidsOfDifferentSeriesApart) {
  const NodeId first = IdOf(InstanceNode(MakeSeries("studies/a/b", "1.1", "1.2"), "1.3"));
  EXPECT_NE(IdOf(InstanceNode(MakeSeries("studies/c/b", "1.9", "1.2"), "1.3")), first);
  EXPECT_NE(IdOf(InstanceNode(MakeSeries("studies/a/c", "1.1", "1.9"), "1.3")), first);
}

TEST_F(InodesTest, TellsControlFilesFromInstancesAndDirectories) {
  std::set<NodeId> ids{IdOf(ControlNode("1.3")), IdOf(ControlNode("errors")), IdOf(DirectoryNode("1.3")),
                       IdOf(InstanceNode(MakeSeries("s", "1.1", "1.2"), "1.3"))};
  EXPECT_EQ(ids.size(), 4u);
}

TEST_F(InodesTest, ForgetsANodeWithItsLastLookupAndNeverUsesItsNumberAgain) {
  const NodeId id = IdOf(DirectoryNode("studies/a"));
  IdOf(DirectoryNode("studies/a"));
  inodes_.Forget(id, 1);
  EXPECT_TRUE(inodes_.Find(id));
  inodes_.Forget(id, 1);
  EXPECT_FALSE(inodes_.Find(id));
  EXPECT_EQ(inodes_.size(), 1u);
  EXPECT_GT(IdOf(DirectoryNode("studies/a")), id);
}

TEST_F(InodesTest, ForgetsUnknownNodesQuietly) {
  inodes_.Forget(999, 1);
  EXPECT_EQ(inodes_.size(), 1u);
}

TEST_F(InodesTest, TakesTheNewerMeaningOfADirectory) {
  const Node before = DirectoryNode("recent");
  const NodeId id = IdOf(before);
  const Node after = DirectoryNode("recent");
  EXPECT_EQ(IdOf(after), id);
  EXPECT_EQ(inodes_.Find(id).node->directory, after.directory);
}

TEST_F(InodesTest, KeepsTheExactSizeWhenANodeIsSeenAgainElsewhere) {
  const Node one = InstanceNode(MakeSeries("studies/a/b", "1.1", "1.2"), "1.3");
  const InodeView first = inodes_.Remember(one);
  first.inode->size.LearnFromOpen(4242);
  const InodeView again = inodes_.Remember(InstanceNode(MakeSeries("patients/x/a/b", "1.1", "1.2"), "1.3"));
  EXPECT_EQ(again.inode->size.exact(), 4242u);
}

TEST_F(InodesTest, NumbersAreStableAndTheSameForEveryPath) {
  const Node one = InstanceNode(MakeSeries("studies/a/b", "1.1", "1.2"), "1.3");
  const Node other = InstanceNode(MakeSeries("patients/x/a/b", "1.1", "1.2"), "1.3");
  EXPECT_EQ(Inodes::NumberOf(one), Inodes::NumberOf(other));
  EXPECT_EQ(Inodes::NumberOf(DirectoryNode("")), 1u);
  // A change of this number would make backups copy everything again.
  EXPECT_EQ(Inodes::NumberOf(DirectoryNode("studies")), 11495277462320984939u);
}

TEST_F(InodesTest, SeriesAreNumberedInTheOrderOfTheirNames) {
  const auto number = [](const char* path) {
    auto series = std::make_shared<Directory>(*MakeSeries(path, "1.1", "1.2"));
    series->parent = DirectoryNode("studies/a").directory;
    return Inodes::NumberOf(Node{series, std::nullopt});
  };
  const uint64_t second = number("studies/a/002 MR t1~81c02a");
  EXPECT_LT(second, number("studies/a/010~cb12ff"));
  EXPECT_LT(number("studies/a/010~cb12ff"), number("studies/a/9999 MR~cb12ff"));
  EXPECT_NE(second, number("studies/a/002 MR t1~bb001a"));
  EXPECT_NE(number("studies/a/1.2.3"), number("studies/a/1.2.4"));
  EXPECT_NE(number("studies/a/MR~bb001a"), number("studies/a/MR~bb001b"));
}

TEST_F(InodesTest, AnInstanceOfAListingIsTheSameAsOneThatWasLookedUp) {
  const auto directory = MakeSeries("studies/a/b", "1.1", "1.2");
  const auto listing = std::make_shared<SeriesListing>(directory, 1000);
  const NodeId looked_up = IdOf(InstanceNode(MakeSeries("patients/x/a/b", "1.1", "1.2"), "1.2.7"));
  std::set<NodeId> ids;
  for (size_t i = 0; i < listing->size(); ++i) {
    const InodeView view = inodes_.Remember(listing->node(i), listing, i);
    EXPECT_EQ(view.node->file->instance->str(), "1.2." + std::to_string(i));
    EXPECT_EQ(view.inode->number, Inodes::NumberOf(listing->node(i)));
    ids.insert(view.inode->id);
    if (i == 7) {
      EXPECT_EQ(view.inode->id, looked_up);
    }
  }
  EXPECT_EQ(ids.size(), listing->size());
  EXPECT_EQ(inodes_.size(), listing->size() + 1);
  for (const NodeId id : ids) {
    const InodeView view = inodes_.Find(id);
    ASSERT_TRUE(view);
    EXPECT_EQ(view.node->file->directory, directory);
    EXPECT_EQ(IdOf(InstanceNode(MakeSeries("studies/x/y", "1.1", "1.2"), view.node->file->instance->str())), id);
  }
  EXPECT_NE(IdOf(InstanceNode(MakeSeries("studies/a/c", "1.1", "1.9"), "1.2.7")), looked_up);
}

TEST_F(InodesTest, KeepsAListingAsLongAsTheKernelKnowsAnyOfIt) {
  auto listing = std::make_shared<SeriesListing>(MakeSeries("studies/a/b", "1.1", "1.2"), 3);
  const std::weak_ptr<SeriesListing> watched = listing;
  std::vector<NodeId> ids;
  InodeView open;
  for (size_t i = 0; i < 3; ++i) {
    open = inodes_.Remember(listing->node(i), listing, i);
    ids.push_back(open.inode->id);
  }
  listing.reset();
  inodes_.Forget(ids[0], 1);
  inodes_.Forget(ids[1], 1);
  EXPECT_FALSE(inodes_.Find(ids[1]));
  EXPECT_EQ(inodes_.Find(ids[2]).node->file->instance->str(), "1.2.2");
  EXPECT_FALSE(watched.expired());
  inodes_.Forget(ids[2], 1);
  EXPECT_EQ(inodes_.size(), 1u);
  EXPECT_EQ(open.node->file->instance->str(), "1.2.2") << "whoever has a view keeps it";
  open.inode->size.LearnFromOpen(5);
  open = {};
  EXPECT_TRUE(watched.expired());
}

TEST_F(InodesTest, ANewerListingTakesThePlaceOfTheOldOne) {
  const auto directory = MakeSeries("studies/a/b", "1.1", "1.2");
  auto old = std::make_shared<SeriesListing>(directory, 2);
  const auto newer = std::make_shared<SeriesListing>(MakeSeries("studies/a/b", "1.1", "1.2"), 2);
  const std::weak_ptr<SeriesListing> watched = old;
  const NodeId id = inodes_.Remember(old->node(1), old, 1).inode->id;
  inodes_.Find(id).inode->size.LearnFromOpen(4242);
  old.reset();
  EXPECT_EQ(inodes_.Remember(newer->node(1), newer, 1).inode->id, id);
  EXPECT_TRUE(watched.expired());
  EXPECT_NE(inodes_.Find(id).node->file->directory, directory);
  EXPECT_EQ(inodes_.Find(id).inode->size.exact(), 4242u);
  inodes_.Forget(id, 1);
  EXPECT_TRUE(inodes_.Find(id));
  inodes_.Forget(id, 1);
  EXPECT_FALSE(inodes_.Find(id));
}

TEST_F(InodesTest, ListsTheDirectories) {
  IdOf(DirectoryNode("studies"));
  IdOf(ControlNode("errors"));
  EXPECT_EQ(inodes_.Directories().size(), 2u);
}

TEST(PublishedSizeTest, IsUnknownAtFirst) {
  const PublishedSize size;
  EXPECT_EQ(size.exact(), std::nullopt);
}

TEST(PublishedSizeTest, NeedsNoCorrectionWhenNothingWasPublished) {
  PublishedSize size;
  EXPECT_EQ(size.LearnFromOpen(10), Correction::kNone);
  EXPECT_EQ(size.exact(), 10u);
}

TEST(PublishedSizeTest, TakesAnEstimateBackUntilItIsDone) {
  PublishedSize size;
  EXPECT_EQ(size.Publish(7), 7u);
  EXPECT_EQ(size.LearnFromOpen(10), Correction::kAttributes);
  EXPECT_EQ(size.LearnFromOpen(10), Correction::kAttributes) << "another opener must not get its reply sooner";
  size.Corrected(Correction::kAttributes);
  EXPECT_EQ(size.LearnFromOpen(10), Correction::kNone);
}

TEST(PublishedSizeTest, TakesAnEstimateBackAlsoWhenTheSizeIsLearnedWithoutOpening) {
  PublishedSize size;
  size.Publish(7);  // then another mount fetches the instance
  size.Learn(10);
  EXPECT_EQ(size.LearnFromOpen(10), Correction::kAttributes);
}

TEST(PublishedSizeTest, PublishesTheExactSizeOnceItIsKnown) {
  PublishedSize size;
  size.Learn(10);
  EXPECT_EQ(size.Publish(7), 10u);
  EXPECT_EQ(size.LearnFromOpen(10), Correction::kNone);
}

TEST(PublishedSizeTest, DropsThePagesOfAReplacedInstance) {
  PublishedSize size;
  size.LearnFromOpen(10);
  EXPECT_EQ(size.LearnFromOpen(11), Correction::kContent);
  EXPECT_EQ(size.LearnFromOpen(11), Correction::kContent);
  EXPECT_EQ(size.exact(), 11u);
  size.Corrected(Correction::kContent);
  EXPECT_EQ(size.LearnFromOpen(11), Correction::kNone);
}

TEST(PublishedSizeTest, BelievesAnOpenMoreThanAListing) {
  PublishedSize size;
  size.LearnFromOpen(10);
  size.Learn(99);
  EXPECT_EQ(size.exact(), 10u);
}

}  // namespace
}  // namespace trolley
