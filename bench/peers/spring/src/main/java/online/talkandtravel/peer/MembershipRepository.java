package online.talkandtravel.peer;

import org.springframework.data.jpa.repository.JpaRepository;

public interface MembershipRepository extends JpaRepository<Membership, Long> {

    boolean existsByUserIdAndChatId(Long userId, Long chatId);

    long deleteByUserIdAndChatId(Long userId, Long chatId);
}
