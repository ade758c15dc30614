// A long way on one machine, for the benchmarks: delay_link MILLISECONDS HOST_ADDRESS FAR_ADDRESS
//
// Makes a network namespace that reaches this machine at HOST_ADDRESS over two tun devices, between which each packet
// waits so long in either direction. TCP's handshakes, windows and slow start are the kernel's own. Prints "ready" when
// packets flow; a client runs at the far end by
//   nsenter --net=/proc/PID/ns/net COMMAND
// where PID is this process. Everything is gone when it ends. Needs root.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxPacket = 70000;  // a whole segment that the kernel leaves to the device to cut (TSO)
constexpr size_t kMaxWaiting = size_t{1} << 30;
constexpr int kPacketsInTurn = 64;
constexpr int kQueueLength = 20000;

void Check(int result, const char* doing) {
  if (result < 0) {
    throw std::system_error(errno, std::generic_category(), doing);
  }
}

ifreq Named(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

// A device of the namespace that this thread is in.
int OpenTun(const std::string& name) {
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  Check(fd, "open /dev/net/tun");
  ifreq request = Named(name);
  request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
  Check(ioctl(fd, TUNSETIFF, &request), "make a tun device");
  // Without it each packet of 1500 bytes would cost a system call here, and the link would be slow for that reason.
  Check(ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4), "take large segments");
  return fd;
}

void SetAddress(int any_socket, ifreq request, unsigned long what, const char* address) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  if (inet_pton(AF_INET, address, &in.sin_addr) != 1) {
    throw std::runtime_error(std::string("no address: ") + address);
  }
  std::memcpy(&request.ifr_addr, &in, sizeof(in));
  Check(ioctl(any_socket, what, &request), "give a device its address");
}

void Up(int any_socket, ifreq request) {
  Check(ioctl(any_socket, SIOCGIFFLAGS, &request), "read a device's flags");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  Check(ioctl(any_socket, SIOCSIFFLAGS, &request), "start a device");
}

int OpenEnd(const std::string& name, const char* own, const char* other) {
  const int tun = OpenTun(name);
  const int any_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  Check(any_socket, "open a socket");
  ifreq length = Named(name);
  length.ifr_qlen = kQueueLength;
  Check(ioctl(any_socket, SIOCSIFTXQLEN, &length), "lengthen a device's queue");
  SetAddress(any_socket, Named(name), SIOCSIFADDR, own);
  SetAddress(any_socket, Named(name), SIOCSIFDSTADDR, other);
  Up(any_socket, Named(name));
  close(any_socket);
  return tun;
}

// One direction.
class Line {
 public:
  Line(int in, int out, Clock::duration delay) : in_(in), out_(out), delay_(delay) {}

  // Takes what has come in.
  void Take() {
    for (int i = 0; i < kPacketsInTurn; ++i) {
      const ssize_t size = read(in_, buffer_.data(), buffer_.size());
      if (size <= 0) {
        return;
      }
      if (bytes_ + static_cast<size_t>(size) > kMaxWaiting) {
        continue;  // lost
      }
      bytes_ += static_cast<size_t>(size);
      waiting_.push_back({Clock::now() + delay_, {buffer_.data(), buffer_.data() + size}});
    }
  }
  // Lets out what is due. TCP repeats what the device does not take.
  void Deliver() {
    while (!waiting_.empty() && waiting_.front().due <= Clock::now()) {
      const std::vector<char>& packet = waiting_.front().bytes;
      [[maybe_unused]] const ssize_t written = write(out_, packet.data(), packet.size());
      bytes_ -= packet.size();
      waiting_.pop_front();
    }
  }
  Clock::time_point next() const { return waiting_.empty() ? Clock::time_point::max() : waiting_.front().due; }
  int in() const { return in_; }

 private:
  struct Packet {
    Clock::time_point due;
    std::vector<char> bytes;
  };
  const int in_;
  const int out_;
  const Clock::duration delay_;
  std::deque<Packet> waiting_;
  size_t bytes_ = 0;
  std::array<char, kMaxPacket> buffer_{};
};

[[noreturn]] void Forward(std::array<Line, 2>& lines) {
  for (;;) {
    for (Line& line : lines) {
      line.Deliver();
    }
    const Clock::time_point next = std::min(lines[0].next(), lines[1].next());
    timespec patience{};
    if (next != Clock::time_point::max()) {
      const auto wait = std::max(next - Clock::now(), Clock::duration::zero());
      const auto seconds = std::chrono::floor<std::chrono::seconds>(wait);
      patience.tv_sec = seconds.count();
      patience.tv_nsec = std::chrono::nanoseconds(wait - seconds).count();
    }
    std::array<pollfd, 2> fds{{{lines[0].in(), POLLIN, 0}, {lines[1].in(), POLLIN, 0}}};
    if (ppoll(fds.data(), fds.size(), next == Clock::time_point::max() ? nullptr : &patience, nullptr) > 0) {
      for (Line& line : lines) {
        line.Take();
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s MILLISECONDS HOST_ADDRESS FAR_ADDRESS\n", argv[0]);
    return 2;
  }
  try {
    Check(prctl(PR_SET_PDEATHSIG, SIGTERM), "end with the benchmark");
    const auto delay = std::chrono::microseconds(static_cast<long>(std::atof(argv[1]) * 1000));
    const std::string name = "trolley" + std::to_string(getpid() % 1000000);
    const int host = OpenEnd(name + "h", argv[2], argv[3]);
    Check(unshare(CLONE_NEWNET), "make a network namespace");
    const int far = OpenEnd(name + "f", argv[3], argv[2]);
    const int any_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    Check(any_socket, "open a socket");
    Up(any_socket, Named("lo"));
    close(any_socket);
    static std::array<Line, 2> lines{Line(host, far, delay), Line(far, host, delay)};
    std::printf("ready\n");
    std::fflush(stdout);
    Forward(lines);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "delay_link: %s\n", error.what());
    return 1;
  }
}
