#include "cli/image/download.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/image/sha256.h"
#include "cli/output.h"
#include "engine/log.h"
#include "fs/fd.h"

namespace nestp {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kFruitlessTries = 3;

std::uint64_t size_of(const std::string& path) {
  const auto status = stat_of(path);
  return status ? static_cast<std::uint64_t>(status->st_size) : 0;
}

std::string megabytes(double bytes) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.1f MB", bytes / 1e6);
  return text.data();
}

/// What a progress display remembers.
struct Display {
  std::string what;
  bool is_terminal = ::isatty(STDERR_FILENO) != 0;
  Clock::time_point start = Clock::now();
  Clock::time_point last{};
  std::uint64_t first = 0;  ///< bytes that were there before
  bool has_first = false;
  int tenth = 0;
  bool ended = false;
};

std::string bar_line(const Display& display, std::uint64_t done, std::uint64_t total, double rate) {
  constexpr std::size_t kWidth = 24;
  std::string line = "\r" + display.what + " ";
  if (total > 0) {
    const std::size_t full = static_cast<std::size_t>(kWidth * done / total);
    line += "[" + std::string(full, '#') + std::string(kWidth - full, '.') + "] " +
            std::to_string(100 * done / total) + "%, ";
  }
  line += megabytes(static_cast<double>(done)) + ", " + megabytes(rate) + "/s";
  if (total > done && rate > 1) {
    const auto left = static_cast<std::uint64_t>(static_cast<double>(total - done) / rate);
    line += ", " + std::to_string(left / 60) + " min " + std::to_string(left % 60) + " s left";
  }
  return line + "\033[K";
}

void show(Display& display, std::uint64_t done, std::uint64_t total) {
  if (display.ended) return;
  if (!display.has_first) {
    display.first = done;
    display.has_first = true;
  }
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - display.start).count();
  const double rate = static_cast<double>(done - display.first) / (seconds + 0.001);
  const bool at_end = total > 0 && done >= total;
  if (display.is_terminal) {
    if (!at_end && now - display.last < std::chrono::milliseconds(100)) return;
    display.last = now;
    print_error(bar_line(display, done, total, rate) + (at_end ? "\n" : ""));
  } else if (total > 0) {
    const int tenth = static_cast<int>(10 * done / total);
    if (tenth <= display.tenth) return;
    display.tenth = tenth;
    print_error(display.what + ": " + std::to_string(10 * tenth) + "% of " +
                megabytes(static_cast<double>(total)) + "\n");
  }
  display.ended = at_end;
}

Result<> check_sum(const DownloadRequest& request, const std::string& part) {
  if (request.sha256.empty()) return Done{};
  const auto sum = sha256_of_file(part);
  if (!sum) return sum.error();
  if (*sum == request.sha256) return Done{};
  // It would be wrong the next time, too.
  (void)::unlink(part.c_str());
  return Error{request.url + ": the checksum is " + *sum + " instead of " + request.sha256 +
               "; the file was damaged or replaced on its way, try again or elsewhere"};
}

}  // namespace

Result<std::string> sha256_of_file(const std::string& path) {
  const auto file = open_at(AT_FDCWD, path, O_RDONLY);
  if (!file) return Error{path + ": " + std::strerror(file.error().code())};
  Sha256 sum;
  std::string block(std::size_t{256} * 1024, '\0');
  while (true) {
    const ssize_t got = ::read(file->get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error{path + ": " + std::strerror(errno)};
    if (got == 0) return sum.finish();
    sum.add({block.data(), static_cast<std::size_t>(got)});
  }
}

Progress show_progress(const std::string& what) {
  const auto display = std::make_shared<Display>();
  display->what = what;
  return [display](std::uint64_t done, std::uint64_t total) { show(*display, done, total); };
}

Result<> download(const DownloadRequest& request) {
  const std::string part = request.path + ".part";
  const std::string tag = request.path + ".tag";
  int fruitless = 0;
  while (true) {
    const std::uint64_t before = size_of(part);
    const auto done = libcurl_failure().empty() ? transfer_by_libcurl(request, part, tag)
                                                : transfer_by_tool(request, part);
    if (done) break;
    const bool got_further = size_of(part) > before;
    fruitless = got_further ? 0 : fruitless + 1;
    if (!done.error().may_pass || fruitless >= kFruitlessTries) {
      return Error{request.url + ": " + done.error().message};
    }
    LOG(info) << request.url << ": " << done.error().message << ", trying again";
    ::sleep(static_cast<unsigned>(fruitless));
  }
  (void)::unlink(tag.c_str());
  if (auto done = check_sum(request, part); !done) return done;
  if (::rename(part.c_str(), request.path.c_str()) != 0) {
    return Error{request.path + ": " + std::strerror(errno)};
  }
  return Done{};
}

Result<Answer> fetch(const std::string& url, const std::vector<std::string>& headers) {
  return libcurl_failure().empty() ? fetch_by_libcurl(url, headers) : fetch_by_tool(url, headers);
}

}  // namespace nestp
