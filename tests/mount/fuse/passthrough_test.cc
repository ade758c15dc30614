#include "mount/fuse/passthrough.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "mount/fuse/fuse_kernel.h"

namespace trolley {
namespace {

using namespace fuse_kernel;

constexpr uint64_t kUnique = 2;

// What the kernel and libfuse say to each other at the beginning.
class PassthroughTest : public testing::Test {
 protected:
  void Ask(uint32_t flags, uint32_t flags2, uint32_t opcode = kInit) {
    struct {
      RequestHeader header{};
      InitRequest init{};
    } request;
    request.header = {sizeof request, opcode, kUnique, 0, 0, 0, 0, 0};
    request.init.flags = flags;
    request.init.flags2 = flags2;
    passthrough_.NoteRequest(std::as_bytes(std::span(&request, 1)));
  }

  // The reply as it leaves.
  InitReply MakeReply(uint64_t unique = kUnique, size_t length = sizeof(InitReply)) {
    ReplyHeader header{static_cast<uint32_t>(sizeof(ReplyHeader) + length), 0, unique};
    InitReply reply{};
    reply.flags = kInitExtended;
    reply.flags2 = 8;
    const iovec parts[] = {{&header, sizeof header}, {&reply, length}};
    passthrough_.CompleteReply(parts);
    return reply;
  }

  Passthrough passthrough_{true};
};

TEST_F(PassthroughTest, AgreesWhenTheKernelOffersIt) {
  Ask(kInitExtended, kInitPassthrough);
  const InitReply reply = MakeReply();
  EXPECT_EQ(reply.flags2, 8 | kInitPassthrough);
  EXPECT_EQ(reply.max_stack_depth, 1U);
  EXPECT_EQ(reply.flags, kInitExtended);
}

TEST_F(PassthroughTest, LeavesOtherRepliesAlone) {
  EXPECT_EQ(MakeReply().flags2, 8U);
  Ask(kInitExtended, kInitPassthrough);
  EXPECT_EQ(MakeReply(kUnique + 2).flags2, 8U);
  EXPECT_EQ(MakeReply().flags2, 8 | kInitPassthrough);
  EXPECT_EQ(MakeReply().flags2, 8U) << "once";
}

TEST_F(PassthroughTest, DoesNotAskForWhatIsNotOffered) {
  Ask(kInitExtended, 0);
  EXPECT_EQ(MakeReply().max_stack_depth, 0U);
  Ask(0, kInitPassthrough);
  EXPECT_EQ(MakeReply().max_stack_depth, 0U);
  Ask(kInitExtended, kInitPassthrough, kInit + 1);
  EXPECT_EQ(MakeReply().max_stack_depth, 0U);
}

TEST_F(PassthroughTest, LeavesAReplyThatIsTooShortAlone) {
  Ask(kInitExtended, kInitPassthrough);
  EXPECT_EQ(MakeReply(kUnique, 24).flags2, 8U);
  EXPECT_EQ(passthrough_.Register(STDERR_FILENO), std::nullopt);
}

TEST_F(PassthroughTest, IgnoresRequestsThatAreTooShort) {
  passthrough_.NoteRequest({});
  const std::vector<std::byte> piece(sizeof(RequestHeader) - 1, std::byte{kInit});
  passthrough_.NoteRequest(piece);
  EXPECT_EQ(MakeReply().flags2, 8U);
}

TEST_F(PassthroughTest, ARefusalOfTheDeviceIsNoFile) {
  Ask(kInitExtended, kInitPassthrough);
  MakeReply();
  EXPECT_EQ(passthrough_.Register(STDERR_FILENO), std::nullopt) << "no device yet";
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  passthrough_.Begin(ends[0]);
  EXPECT_EQ(passthrough_.Register(STDERR_FILENO), std::nullopt) << "a pipe is no FUSE device";
  passthrough_.Unregister(1);
  passthrough_.End();
  close(ends[0]);
  close(ends[1]);
}

TEST(PassthroughOptionTest, IsNotPossibleWhenItIsNotWanted) {
  EXPECT_FALSE(Passthrough(false).possible());
}

}  // namespace
}  // namespace trolley
