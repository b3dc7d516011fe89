package online.talkandtravel.peer;

import jakarta.persistence.Entity;
import jakarta.persistence.GeneratedValue;
import jakarta.persistence.GenerationType;
import jakarta.persistence.Id;
import jakarta.persistence.Table;
import jakarta.persistence.UniqueConstraint;

@Entity
@Table(name = "user_chats", uniqueConstraints = @UniqueConstraint(columnNames = {"userId", "chatId"}))
public class Membership {

    @Id
    @GeneratedValue(strategy = GenerationType.IDENTITY)
    private Long id;

    private Long userId;

    private Long chatId;

    protected Membership() {
    }

    public Membership(Long userId, Long chatId) {
        this.userId = userId;
        this.chatId = chatId;
    }
}
