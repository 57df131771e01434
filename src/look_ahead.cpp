#include <inotify/detail/look_ahead.hpp>

#include <cstddef>
#include <cstring>
#include <utility>

#include <inotify/instance.hpp>

namespace inotify::inline v0::detail {
namespace {

constexpr Mask name_bits = IN_CREATE | IN_DELETE | IN_MOVE;

}  // namespace

std::span<std::byte> LookAhead::room() {
  constexpr std::size_t least = 8 * Instance::max_event_size;
  if (segments_.empty() || segment_size - segments_.back().used < least) {
    if (spare_ == nullptr) spare_ = std::make_unique_for_overwrite<std::byte[]>(segment_size);
    segments_.push_back({std::move(spare_)});
  }
  Segment& last = segments_.back();
  return {last.bytes.get() + last.used, segment_size - last.used};
}

// To where there is more to walk.
bool LookAhead::enter_segment(Cursor& cursor) const noexcept {
  while (cursor.at == RawEvents::iterator()) {
    const std::uint64_t i = cursor.segment - first_segment_;
    if (i >= segments_.size()) return false;
    const Segment& segment = segments_[i];
    if (cursor.walked < segment.used) {
      cursor.at =
          RawEvents({segment.bytes.get() + cursor.walked, segment.used - cursor.walked}).begin();
      cursor.walked = segment.used;
    } else if (i + 1 < segments_.size()) {
      ++cursor.segment;
      cursor.walked = 0;
    } else {
      return false;
    }
  }
  return true;
}

void LookAhead::blank(std::byte* header) noexcept {
  inotify_event event;
  std::memcpy(&event, header, sizeof event);
  event.mask = 0;
  std::memcpy(header, &event, sizeof event);
  blank_ += sizeof event + event.len;
}

// What lies before the current event.
void LookAhead::forget_passed() {
  while (!entries_.empty() && entries_.front().position < reader_.position) pop();
  while (first_segment_ < reader_.segment) {
    spare_ = std::move(segments_.front().bytes);
    segments_.erase(segments_.begin());
    ++first_segment_;
  }
}

// The oldest entry goes, and with it its places in the index, which are the first of their chains.
void LookAhead::pop() {
  const Entry& entry = entries_.front();
  const auto unlink = [&](auto& chains, const auto& key, const Entry* next, const auto& next_key) {
    const auto it = chains.find(key);
    if (it == chains.end() || it->second.first != &entry) return;
    if (next == nullptr) {
      chains.erase(it);
      return;
    }
    auto chain = chains.extract(it);  // the key may point into a segment that goes
    chain.mapped().first = next;
    chain.key() = next_key(*next);
    chains.insert(std::move(chain));
  };
  const auto key_of = [](const Entry& one) { return Key{one.raw.wd, one.raw.name}; };
  unlink(by_name_, key_of(entry), entry.next_of_name, key_of);
  unlink(by_wd_, entry.raw.wd, entry.next_of_wd, [](const Entry& one) { return one.raw.wd; });
  if (const auto it = arrivals_.find(entry.raw.cookie);
      it != arrivals_.end() && it->second == &entry)
    arrivals_.erase(it);
  entries_.pop_front();
}

// Nothing is left, so the memory can be used from its beginning.
void LookAhead::rewind() noexcept {
  by_name_.clear();
  by_wd_.clear();
  arrivals_.clear();
  entries_.clear();
  blank_ = 0;
  if (segments_.size() > 1) segments_.erase(segments_.begin() + 1, segments_.end());
  if (!segments_.empty()) segments_.front().used = 0;
  reader_ = {{}, 0, first_segment_, received_};
  indexer_ = reader_;
}

void LookAhead::clear() noexcept { rewind(); }

// Brings the index up to the last event.
void LookAhead::index() {
  if (indexer_.position < reader_.position) {
    indexer_ = reader_;
    enter(indexer_);
  }
  while (advance(indexer_)) enter(indexer_);
}

void LookAhead::enter(const Cursor& cursor) {
  const RawEvent raw = *cursor.at;
  const bool is_name_event = (raw.mask & name_bits) != 0 && !raw.name.empty();
  if (!is_name_event && (raw.mask & IN_MOVE_SELF) == 0) return;
  Entry& entry = entries_.emplace_back(Entry{raw, cursor.position, mine(cursor.at)});
  const auto [by_name, is_first_of_name] =
      by_name_.try_emplace({raw.wd, raw.name}, Chain{&entry, &entry});
  if (!is_first_of_name) {
    by_name->second.last->next_of_name = &entry;
    by_name->second.last = &entry;
  }
  if (!is_name_event) return;
  const auto [by_wd, is_first_of_wd] = by_wd_.try_emplace(raw.wd, Chain{&entry, &entry});
  if (!is_first_of_wd) {
    by_wd->second.last->next_of_wd = &entry;
    by_wd->second.last = &entry;
  }
  if ((raw.mask & IN_MOVED_TO) != 0) arrivals_[raw.cookie] = &entry;
}

// ---- questions

const LookAhead::Entry* LookAhead::first_of_name(int wd, std::string_view name) {
  index();
  const auto it = by_name_.find({wd, name});
  return it == by_name_.end() ? nullptr : it->second.first;
}

bool LookAhead::is_touched(int wd, std::string_view name) {
  const Entry* entry = first_of_name(wd, name);
  while (entry != nullptr && !is_to_come(*entry)) entry = entry->next_of_name;
  return entry != nullptr;
}

bool LookAhead::leaves(int wd, std::string_view name) {
  const Entry* entry = departure(wd, name, nullptr);
  if (entry != nullptr && entry->position == reader_.position) entry = departure(wd, name, entry);
  return entry != nullptr;
}

const LookAhead::Entry* LookAhead::departure(int wd, std::string_view name, const Entry* entry) {
  const std::uint64_t after = entry == nullptr ? 0 : entry->position;
  const Entry* found = first_of_name(wd, name);
  while (found != nullptr &&
         (found->taken || found->position <= after || (found->raw.mask & IN_MOVED_FROM) == 0)) {
    found = found->next_of_name;
  }
  return found;
}

const LookAhead::Entry* LookAhead::arrival(std::uint32_t cookie) {
  index();
  const auto it = arrivals_.find(cookie);
  return it != arrivals_.end() && is_to_come(*it->second) ? it->second : nullptr;
}

const LookAhead::Entry& LookAhead::current() {
  index();
  return entries_.front();
}

const LookAhead::Entry* LookAhead::following(const Entry& entry, int wd) {
  index();
  const Entry* next = nullptr;
  if (entry.raw.wd == wd) {
    next = entry.next_of_wd;
  } else if (const auto it = by_wd_.find(wd); it != by_wd_.end()) {
    next = it->second.first;
  }
  while (next != nullptr && (!is_to_come(*next) || next->position < entry.position))
    next = next->next_of_wd;
  return next;
}

bool LookAhead::moves_self(int wd, const Entry& entry, const Entry* end) {
  const Entry* self = first_of_name(wd, {});
  while (self != nullptr && self->position < entry.position) self = self->next_of_name;
  return self != nullptr && (end == nullptr || self->position < end->position);
}

void LookAhead::take(const Entry& entry) {
  mine(entry).taken = true;
  blank(entry.header);
}

}  // namespace inotify::inline v0::detail
