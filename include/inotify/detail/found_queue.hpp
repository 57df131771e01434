// What has been found and is not reported yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <inotify/detail/id_index.hpp>

namespace inotify::inline v0::detail {

/// Names in directories, first in, first out: some 25 bytes each, where an Event and its path take 200
/// or more. In chunks that are freed as they become empty, but for one.
class FoundQueue {
 public:
  struct Item {
    NodeId directory = no_node;
    int value = -1;  ///< A watch descriptor, or an errno.
    unsigned char type = 0;
    std::string_view name{};  ///< Until pop().
  };

  FoundQueue() = default;
  FoundQueue(FoundQueue&& other) noexcept { swap(other); }
  FoundQueue& operator=(FoundQueue&& other) noexcept {
    FoundQueue(std::move(other)).swap(*this);
    return *this;
  }

  void push(const Item& item) {
    const std::size_t size = header_size + item.name.size();
    if (chunks_.empty() || chunks_.back().size - chunks_.back().used < size) add_chunk(size);
    Chunk& last = chunks_.back();
    const auto length = static_cast<std::uint32_t>(item.name.size());
    char* to = last.bytes.get() + last.used;
    to = put(to, item.directory);
    to = put(to, item.value);
    to = put(to, length);
    *to++ = static_cast<char>(item.type);
    if (length > 0) std::memcpy(to, item.name.data(), length);
    last.used += size;
    ++count_;
  }
  /// The oldest; not if it is empty.
  [[nodiscard]] Item front() const noexcept {
    const char* from = chunks_.front().bytes.get() + begin_;
    Item item;
    std::uint32_t length = 0;
    from = get(from, item.directory);
    from = get(from, item.value);
    from = get(from, length);
    item.type = static_cast<unsigned char>(*from++);
    item.name = {from, length};
    return item;
  }
  void pop() noexcept {
    begin_ += header_size + front().name.size();
    if (begin_ == chunks_.front().used) drop_chunk();
    --count_;
  }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }

  void clear() noexcept {
    while (!chunks_.empty()) drop_chunk();
    count_ = 0;
  }
  /// The same, and frees the last chunk, too.
  void give_back() noexcept { *this = {}; }

 private:
  static constexpr std::size_t chunk_size = std::size_t{32} * 1024;
  static constexpr std::size_t header_size = 2 * sizeof(std::uint32_t) + sizeof(int) + 1;
  struct Chunk {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
    std::size_t used = 0;
  };

  template <class T>
  static char* put(char* to, T value) noexcept {
    std::memcpy(to, &value, sizeof value);
    return to + sizeof value;
  }
  template <class T>
  static const char* get(const char* from, T& value) noexcept {
    std::memcpy(&value, from, sizeof value);
    return from + sizeof value;
  }
  void swap(FoundQueue& other) noexcept {
    std::swap(chunks_, other.chunks_);
    std::swap(begin_, other.begin_);
    std::swap(count_, other.count_);
    std::swap(spare_, other.spare_);
  }
  void add_chunk(std::size_t size) {
    const std::size_t room = size < chunk_size ? chunk_size : size;
    if (spare_.size < room) spare_ = {std::make_unique_for_overwrite<char[]>(room), room, 0};
    spare_.used = 0;
    chunks_.emplace_back();
    chunks_.back() = std::exchange(spare_, {});
  }
  void drop_chunk() noexcept {
    if (chunks_.front().size == chunk_size) spare_ = std::move(chunks_.front());
    chunks_.erase(chunks_.begin());
    begin_ = 0;
  }

  std::vector<Chunk> chunks_;  // each but the last is full; the first is used from begin_ on
  std::size_t begin_ = 0;
  std::size_t count_ = 0;
  Chunk spare_;  // so that a short listing now and then allocates nothing
};

}  // namespace inotify::inline v0::detail
